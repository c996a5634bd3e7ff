"""Words of somebody else, as they may be shown."""

import re

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, what changes the direction of a line, ends of lines, and bytes that are no UTF-8."""


def printable(text: str) -> str:
    """A name as a table, a page and a terminal can hold it: what would move, hide or break its line is escaped."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def printable_lines(text: str) -> str:
    """Likewise, of several lines."""
    return "\n".join(map(printable, text.split("\n")))

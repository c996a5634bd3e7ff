"""The pages fetch nothing: no font, no script, no picture of another host."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

FETCHED = re.compile(r"<(?:link|script|img|iframe)\b[^>]*\b(?:href|src)=[\"']?((?:https?:)?//[^\"'\s>]+)")


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """MkDocs' hook: the page as it is.

    Raises:
        PluginError: a browser would fetch something over the network to show it.
    """
    if fetched := FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} fetches {fetched[1]}; keep what a page needs beside it")
    return output

"""Fonts for names in any script: those of the system that have what the usual one lacks."""

import json
import logging
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import matplotlib as mpl
from matplotlib import font_manager

from interpret.study.study import Study

PLACEHOLDERS = "Last Resort"
"""Fonts so called have a sign for everything, which says nothing."""

logger = logging.getLogger(__name__)


@contextmanager
def lettering(study: Study) -> Iterator[None]:
    """Scope in which figures of `study` are drawn and saved: each letter of a name in a font that has it.

    Letters that no font of this system has are told once, here.
    """
    usual = mpl.rcParams["font.family"]
    families, missing = fallbacks(_letters(study))
    if missing:
        logger.warning("no font here has %s: figures show boxes; install a font that has them", _listed(missing))
    with mpl.rc_context({"font.family": [*usual, *families]}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        yield


def fallbacks(letters: set[str]) -> tuple[list[str], set[str]]:
    """Families, the fewest, that have what the usual font lacks of some letters; and the letters that none has."""
    missing = {letter for letter in letters if not unicodedata.category(letter).startswith("C")}
    missing -= _covered(font_manager.findfont(font_manager.FontProperties()))
    families: list[str] = []
    while missing:
        family, covered = max(_system().items(), key=lambda item: len(missing & item[1]), default=("", frozenset()))
        if missing.isdisjoint(covered):
            break
        families.append(family)
        missing -= covered
    return families, missing


def _letters(study: Study) -> set[str]:
    """All signs of the names that figures write."""
    predictions = study.tables["predictions"].select_dtypes(exclude="number")
    return set(json.dumps([study.models, study.image_ids], ensure_ascii=False)).union(*predictions.to_numpy(str).flat)


@cache
def _system() -> dict[str, frozenset[str]]:
    """Family -> the letters of the face that is drawn with, upright and of usual weight, in the order of the names."""
    families = {entry.name for entry in font_manager.fontManager.ttflist if PLACEHOLDERS not in entry.name}
    return {family: _covered(font_manager.findfont(family)) for family in sorted(families)}


def _covered(file: str) -> frozenset[str]:
    """The letters of a font file; none of one that cannot be drawn with, such as pictures in colour."""
    try:
        font = font_manager.get_font(file)
        font.set_size(8, 72)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap()))


def _listed(letters: set[str], most: int = 8) -> str:
    first = sorted(letters)[:most]
    return " ".join(f"{letter} (U+{ord(letter):04X})" for letter in first) + " ..." * (len(letters) > most)

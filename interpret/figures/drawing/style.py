"""How every figure looks: sizes for a paper column, colours that colour-blind readers tell apart."""

from typing import Any, Literal

PAPER: dict[Any, Any] = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 7),
    "figure.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a file may be called price_$5_$6.png
}
NONNEGATIVE, SIGNED = "magma", "RdBu_r"
CUT = "#9aa7b0"
"""The grey-blue of a weight that selection has set to exactly zero; no colour of `NONNEGATIVE` is near it."""
STAMP = "#d0021b"

Line = Literal["-", ":", "--", "-."]
MARKERS = "osD^vPX*"
LINES: tuple[Line, ...] = ("-", ":", "--", "-.")
"""Styles of lines that belong to one model, in order."""


def marker_of(index: int) -> str:
    """The marker of model `index`."""
    return MARKERS[index % len(MARKERS)]


SIZES = ((4.8, 1.9), (4.0, 1.4), (3.2, 1.0), (2.6, 0.7))
"""Of the marker and the width of the line of each model: later ones lie on earlier ones, and leave them to be seen."""


def sizes_of(index: int) -> tuple[float, float]:
    """Size of the marker and width of the line of model `index`, in points."""
    return SIZES[min(index, len(SIZES) - 1)]

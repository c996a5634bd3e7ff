"""How evenly each head spreads over its spectrum, layer by layer."""

from interpret.figures import FIGURES, Pages, _layout
from interpret.study.study import Study


@FIGURES.register(
    title="Spectral entropy by layer and head",
    section="spectra",
    caption="Entropy of the normalised spectrum named in each title: dots are heads, lines their mean. High means "
    "spread over many directions. Spectra of different kinds are not comparable and never share an axis.",
    applies=_layout.measures("spectral_entropy"),
)
def spectral_entropy(study: Study) -> Pages:
    """One panel for each kind of spectrum."""
    return {"": _layout.spectrum_panels(study, "spectral_entropy", "Spectral entropy")}

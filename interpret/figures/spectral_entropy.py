"""How evenly each head spreads over its spectrum, layer by layer."""

from interpret.figures import FIGURES, Pages, _by_layer
from interpret.study.study import Study


def _panels(study: Study) -> _by_layer.Panels:
    return _by_layer.spectra(study, "spectral_entropy")


@FIGURES.register(
    title="Spectral entropy by layer and head",
    section="spectra",
    caption="Entropy of the normalised spectrum of what each title names: dots are heads, lines their mean. High means "
    "spread over many directions. Spectra of different kinds are not comparable and never share an axis.",
    applies=lambda study: bool(_by_layer.moved(study, _panels(study))),
    note=lambda study: _by_layer.note(study, _panels(study)),
)
def spectral_entropy(study: Study) -> Pages:
    """One panel for each kind of spectrum."""
    return {"": _by_layer.page(study, _by_layer.moved(study, _panels(study)), "Spectral entropy by layer")[0]}

"""How many directions each head uses, layer by layer."""

from interpret.figures import FIGURES, Pages, _by_layer
from interpret.study.study import Study


def _panels(study: Study) -> _by_layer.Panels:
    return _by_layer.spectra(study, "effective_rank")


@FIGURES.register(
    title="Effective rank by layer and head",
    section="spectra",
    caption="exp of the entropy of the normalised spectrum of what each title names: dots are heads, lines their mean. "
    "1 means one direction. Spectra of different kinds are not comparable and never share an axis.",
    applies=lambda study: bool(_by_layer.moved(study, _panels(study))),
    note=lambda study: _by_layer.note(study, _panels(study)),
)
def effective_rank(study: Study) -> Pages:
    """One panel for each kind of spectrum."""
    return {"": _by_layer.page(study, _by_layer.moved(study, _panels(study)), "Effective rank by layer")[0]}

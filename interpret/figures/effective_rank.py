"""How many directions each head uses, layer by layer."""

from interpret.figures import FIGURES, Pages, _layout
from interpret.study.study import Study


@FIGURES.register(
    title="Effective rank by layer and head",
    section="spectra",
    caption="exp of the entropy of the normalised spectrum named in each title: dots are heads, lines their mean. "
    "1 means one direction. Spectra of different kinds are not comparable and never share an axis.",
    applies=_layout.measures("effective_rank"),
)
def effective_rank(study: Study) -> Pages:
    """One panel for each kind of spectrum."""
    return {"": _layout.spectrum_panels(study, "effective_rank", "Effective rank")}

"""Would-be sparsity."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="would-be sparsity",
    unit="share of links",
    bounds=("0", "1"),
    higher="a threshold at tau would cut more",
    reference="this toolkit: the baseline of a sparsity, taken from a model that cuts nothing",
    needs=("probs",),
)
def would_be_sparsity(trace: Trace, *, tau: float = 0.005, rows: str | None = None) -> PerHead:
    """Share of probabilities p_ij <= tau: what a threshold would cut, with nothing cut before.

    The honest baseline of a thresholded model's `sparsity`: logits that are drawn at random, with unit variance, give
    68 % at N = 197 and tau = 0.005.

    Args:
        tau: the threshold; that of the SelectiveViT paper unless given.
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    probs = trace.need("probs")
    cut = swept(lambda of_image: (of_image <= tau).sum(dim=-1), probs)
    return _rows.mean(cut.double() / probs.shape[-1], trace, rows)

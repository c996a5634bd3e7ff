"""SelectiveViT as its paper and its authors' code define it."""

from interpret.foundation.options import check_tau
from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import MECHANISMS, Mechanism, _thresholding


@MECHANISMS.register(
    label="hard threshold (SelectiveViT)", reference="SelectiveViT paper, tau 0.005; authors' code, tau 0.01"
)
class HardThreshold(Mechanism):
    """Probabilities at or below tau are cut, the rest divided by the kept sum + 1e-6.

    Rows sum to S/(S + 1e-6), or to 0 where every probability is at most tau, which needs tau >= 1/N. A key that is
    cut gets no gradient through that row.

    Args:
        tau: threshold in [0, 1). Its meaning depends on the number of tokens N: report tau N beside it.
    """

    rule = "hard"

    def __init__(self, num_heads: int, head_dim: int, tau: float = 0.005) -> None:
        super().__init__(num_heads, head_dim)
        self.tau = check_tau(tau)

    def select(self, probs: LayerAttention) -> LayerAttention:
        return _thresholding.hard(probs, self.tau)

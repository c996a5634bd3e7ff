"""SelectiveViT as its README defines it."""

from interpret.foundation.options import check_tau
from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import MECHANISMS, Mechanism, _thresholding


@MECHANISMS.register(label="soft threshold (SelectiveViT)", reference="SelectiveViT README, tau 0.01")
class SoftThreshold(Mechanism):
    """ReLU(p - tau), divided by its sum + 1e-6: continuous in p, sharper than the hard rule.

    Deviation: the README has no 1e-6, so a fully cut row there is 0/0; here it is zeros.

    Args:
        tau: threshold in [0, 1). Its meaning depends on the number of tokens N: report tau N beside it.
    """

    rule = "soft"

    def __init__(self, num_heads: int, head_dim: int, tau: float = 0.01) -> None:
        super().__init__(num_heads, head_dim)
        self.tau = check_tau(tau)

    def select(self, probs: LayerAttention) -> LayerAttention:
        return _thresholding.soft(probs, self.tau)

"""Register share."""

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS
from interpret.models.trace import Trace

NORMAL = 1.4826
"""The median absolute deviation of a normal distribution times this is its standard deviation."""


@INDICATORS.register(
    label="register share",
    unit="share of patches",
    bounds=("0", "1"),
    higher="more patches hold outlying norms, as registers do",
    reference="after Darcet et al. 2023, arXiv 2309.16588, who cut at a norm of 150; robust z, this toolkit",
    needs=("outputs",),
)
def register_share(trace: Trace, *, z: float = 5.0) -> PerHead:
    """Share of patch tokens leaving a block whose norm is an outlier: (|x| - median) / (1.4826 MAD) > z.

    Median and MAD, the median of | |x| - median |, over the patches of an image; NaN where MAD = 0. It is a property
    of tokens, not of heads: every head of a layer shows the same value. The paper looks at the last block.

    Args:
        z: robust standard deviations above which a norm is an outlier.
    """
    patches = trace.need("outputs")[..., trace.grid.prefix :, :]
    share = _outliers(torch.linalg.vector_norm(patches, dim=-1).double(), z)
    return share[..., None].expand(-1, -1, trace.model.heads)


def _outliers(norms: Float[Tensor, "layer batch patch"], z: float) -> Float[Tensor, "layer batch"]:
    above = norms - norms.quantile(0.5, dim=-1, keepdim=True)
    spread = above.abs().quantile(0.5, dim=-1, keepdim=True)
    return (above > z * NORMAL * spread).double().mean(dim=-1).masked_fill(spread.squeeze(-1) == 0, torch.nan)

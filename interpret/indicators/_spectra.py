"""The spectra that spectral indicators are computed from. A number carries the kind of its spectrum."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import LayerAttention
from interpret.indicators._once import once, swept
from interpret.mechanisms import Mechanism
from interpret.models.trace import Trace
from interpret.models.vit import Block

Spectrum = Float[Tensor, "layer batch head direction"]


@dataclass(frozen=True)
class Kind:
    """Where a spectrum comes from.

    Attributes:
        label: as figures call what it is the spectrum of.
    """

    function: Callable[[Trace], Spectrum]
    label: str


def spectrum(trace: Trace, kind: str) -> Spectrum:
    """Nonnegative values, one a direction; of each image, or of the weights for "sigma" and "qk_weight"."""
    if kind not in KINDS:
        raise InterpretError(f"unknown spectrum kind {kind!r}; available: {', '.join(KINDS)}")
    if kind not in available(trace):
        raise InterpretError(
            f"spectrum kind {kind!r} is not defined for {trace.model.name} or was not kept by its trace"
        )
    return KINDS[kind].function(trace)


def available(trace: Trace) -> tuple[str, ...]:
    """The kinds that this trace can give."""
    learned = hasattr(trace.mechanisms[0], "sigma")
    met = learned and trace.queries is not None and trace.keys is not None
    given = {
        "sigma": learned,
        "sigma_effective": met,
        "scores": trace.scores is not None,
        "qk_weight": trace.model.measured is None,
        **dict.fromkeys(("attention", "attention_centred"), trace.weights is not None),
    }
    return tuple(kind for kind in KINDS if given.get(kind, True))


@once
def attention(trace: Trace) -> Spectrum:
    """Singular values of `weights`, after any threshold, as `_singular_values` finds them."""
    return swept(_singular_values, trace.need("weights"))


@once
def attention_centred(trace: Trace) -> Spectrum:
    """Those of `weights` less their mean row, so of what queries read apart; zeros where every query reads alike."""
    return swept(partial(_singular_values, centred=True), trace.need("weights"))


def _singular_values(weights: LayerAttention, *, centred: bool = False) -> Float[Tensor, "batch head direction"]:
    """Zero where they are rounding; a Gram matrix serves attention in fp32, fp64 would lose half its digits to it.

    Attention was rounded when it was computed: independent errors of half a unit in the last place of N x N entries
    of one size make singular values below eps |A|_F / sqrt(N).
    """
    wide = weights.double()
    tokens = wide.shape[-1]
    share = max(tokens * torch.finfo(wide.dtype).eps, torch.finfo(weights.dtype).eps / tokens**0.5)
    rounding = share * torch.linalg.matrix_norm(wide)
    if centred:
        wide = wide - wide.mean(dim=-2, keepdim=True)
    values = torch.linalg.svdvals(wide) if weights.dtype == torch.float64 else _roots_of_gram(wide)
    return values.where(values > rounding[..., None], 0)


def _roots_of_gram(matrix: LayerAttention) -> Float[Tensor, "batch head direction"]:
    """Singular values as roots of the eigenvalues of M^T M, in fp64; below 2e-7 of |M|_F (N = 197) they are zero.

    Takes less time than `svdvals`. Effective ranks then err by less than 1e-9, and by up to 2e-5 where attention is so
    near to uniform that singular values lie below the limit; those of `svdvals` in fp32 by up to 5e-5, those of a Gram
    matrix in fp32 by up to 7e-2.
    """
    energies = torch.linalg.eigvalsh(matrix.mT @ matrix).flip(-1)
    rounding = matrix.shape[-1] * torch.finfo(matrix.dtype).eps * energies.sum(dim=-1, keepdim=True)
    return energies.where(energies > rounding, 0).sqrt()


@once
def scores(trace: Trace) -> Spectrum:
    """The first d singular values of the scores, which have no more: they are products of vectors of width d.

    NaN where a mask has set scores to minus infinity.
    """
    scores = trace.need("scores")
    masked = ~scores.isfinite().all(dim=-1).all(dim=-1)
    values = torch.linalg.svdvals(scores.nan_to_num(0.0, 0.0, 0.0))[..., : trace.model.anatomy.head_dim]
    return values.masked_fill(masked[..., None], torch.nan)


@once
def sigma(trace: Trace) -> Spectrum:
    """|sigma| of svda."""
    return _of_weights(trace, lambda block, mechanism: mechanism.get_parameter("sigma").abs())


@once
def sigma_effective(trace: Trace) -> Spectrum:
    """|sigma_r| sqrt(E[q^_r^2] E[k^_r^2]), E over the tokens of an image: sigma times the energies that it meets."""
    met = _energies(trace.need("queries")) * _energies(trace.need("keys"))
    return sigma(trace) * met.sqrt()


def _energies(vectors: Tensor) -> Spectrum:
    return F.normalize(vectors, dim=-1).square().mean(dim=-2).double()


@once
def qk_weight(trace: Trace) -> Spectrum:
    """Singular values of W_q^T W_k per head, `norm1`'s gain folded in, biases and q/k norms left out.

    The d nonzero ones, exactly, from a d x d matrix. For svda W_q^T diag(sigma) W_k, a proxy: the row norm is ignored.
    """
    return _of_weights(trace, _qk_singular_values)


KINDS = {
    "attention": Kind(attention, "attention"),
    "attention_centred": Kind(attention_centred, "attention less its mean row"),
    "scores": Kind(scores, "scores"),
    "qk_weight": Kind(qk_weight, "weights W_q W_k"),
    "sigma": Kind(sigma, "learned sigma"),
    "sigma_effective": Kind(sigma_effective, "sigma times the energies it meets"),
}


def _of_weights(trace: Trace, one: Callable[[Block, Mechanism], Float[Tensor, "head direction"]]) -> Spectrum:
    with torch.no_grad():
        blocks = trace.unchanged().vit.blocks
        layers = torch.stack([one(blocks[layer], trace.mechanisms[layer]) for layer in trace.numbers])
    return layers[:, None].expand(-1, len(trace.images), -1, -1)


def _qk_singular_values(block: Block, mechanism: Mechanism) -> Float[Tensor, "head direction"]:
    attn, gain = block.attn, getattr(block.norm1, "weight", None)
    folded = attn.qkv.weight if gain is None else attn.qkv.weight * gain
    q, k, _ = folded.double().unflatten(0, (3, attn.num_heads, attn.head_dim))
    sigma = getattr(mechanism, "sigma", None)
    if sigma is not None:
        q = q * sigma[..., None]
    _, upper_q = torch.linalg.qr(q.transpose(-2, -1))
    _, upper_k = torch.linalg.qr(k.transpose(-2, -1))
    return torch.linalg.svdvals(upper_q @ upper_k.transpose(-2, -1))

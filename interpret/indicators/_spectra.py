"""The spectra that spectral indicators are computed from. A number carries the kind of its spectrum."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.errors import InterpretError
from interpret.tensors import Tokens
from interpret.tracing import Trace
from interpret.vit import Attention

Spectrum = Float[Tensor, "layer batch head direction"]

_FOUND: WeakKeyDictionary[Trace, dict[str, Spectrum]] = WeakKeyDictionary()
"""Spectra of the traces that are still in use: several indicators share one decomposition."""


def spectrum(trace: Trace, kind: str) -> Spectrum:
    """Nonnegative values, one a direction; of each image for "attention" and "scores", of the weights for the rest."""
    if kind not in KINDS:
        raise InterpretError(f"unknown spectrum kind {kind!r}; available: {', '.join(KINDS)}")
    if kind not in available(trace):
        raise InterpretError(
            f"spectrum kind {kind!r} is not defined for {trace.model.name} or was not kept by its trace"
        )
    found = _FOUND.setdefault(trace, {})
    if kind not in found:
        found[kind] = KINDS[kind](trace)
    return found[kind]


def available(trace: Trace) -> tuple[str, ...]:
    """The kinds that this trace can give."""
    learned = hasattr(trace.mechanisms[0], "sigma")
    met = learned and trace.inputs is not None
    given = {
        "sigma": learned,
        "sigma_effective": met,
        "scores": trace.scores is not None,
        "attention": trace.weights is not None,
    }
    return tuple(kind for kind in KINDS if given.get(kind, True))


def attention(trace: Trace) -> Spectrum:
    """Singular values of `weights`, after any threshold."""
    return torch.linalg.svdvals(trace.need("weights"))


def scores(trace: Trace) -> Spectrum:
    """The first d singular values of the scores, which have no more: they are products of vectors of width d."""
    return torch.linalg.svdvals(trace.need("scores"))[..., : trace.model.model.blocks[0].attn.head_dim]


def sigma(trace: Trace) -> Spectrum:
    """|sigma| of svda."""
    return _of_weights(trace, lambda block, mechanism: mechanism.sigma.abs())


def sigma_effective(trace: Trace) -> Spectrum:
    """|sigma_r| sqrt(E[q^_r^2] E[k^_r^2]), E over the tokens of an image: sigma times the energies that it meets."""
    layers = zip(trace.model.model.blocks, trace.mechanisms, trace.need("inputs"), strict=True)
    with torch.no_grad():
        return torch.stack([mechanism.sigma.abs() * _met(block.attn, x) for block, mechanism, x in layers])


def _met(attention: Attention, x: Tokens) -> Float[Tensor, "batch head direction"]:
    q, k, _ = attention.split(x.to(attention.qkv.weight.dtype))
    energy = [F.normalize(each.double(), dim=-1).square().mean(dim=-2) for each in (q, k)]
    return (energy[0] * energy[1]).sqrt()


def qk_weight(trace: Trace) -> Spectrum:
    """Singular values of W_q^T W_k per head, `norm1`'s gain folded in, biases and q/k norms left out.

    The d nonzero ones, exactly, from a d x d matrix. For svda W_q^T diag(sigma) W_k, a proxy: the row norm is ignored.
    """
    return _of_weights(trace, _qk_singular_values)


KINDS: dict[str, Callable[[Trace], Spectrum]] = {
    "attention": attention,
    "scores": scores,
    "qk_weight": qk_weight,
    "sigma": sigma,
    "sigma_effective": sigma_effective,
}


def _of_weights(trace: Trace, one: Callable[..., Float[Tensor, "head direction"]]) -> Spectrum:
    with torch.no_grad():
        pairs = zip(trace.model.model.blocks, trace.mechanisms, strict=True)
        layers = torch.stack([one(block, mechanism) for block, mechanism in pairs])
    return layers[:, None].expand(-1, len(trace.images), -1, -1)


def _qk_singular_values(block: nn.Module, mechanism: nn.Module) -> Float[Tensor, "head direction"]:
    attn, norm1 = block.attn, block.norm1
    gain = norm1.weight if getattr(norm1, "weight", None) is not None else torch.ones_like(attn.qkv.weight[0])
    folded = (attn.qkv.weight * gain).double().unflatten(0, (3, attn.num_heads, attn.head_dim))
    q, k = folded[0], folded[1]
    sigma = getattr(mechanism, "sigma", None)
    if sigma is not None:
        q = q * sigma[..., None]
    _, upper_q = torch.linalg.qr(q.transpose(-2, -1))
    _, upper_k = torch.linalg.qr(k.transpose(-2, -1))
    return torch.linalg.svdvals(upper_q @ upper_k.transpose(-2, -1))

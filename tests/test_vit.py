import itertools
from contextlib import nullcontext

import pytest
import timm
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from interpret.foundation.errors import InterpretError, UnknownNameError, UnsupportedModelError
from interpret.mechanisms import MECHANISMS
from interpret.models import backbones
from interpret.models import vit as vits
from interpret.models.loading import load
from interpret.models.scopes import changing, observing
from tests.models import KINDS, OPTIONS, SMALL, pictures, tiny, twin_forward, watched

BIG = {
    "ViT-B/16": ("vit_base_patch16_224", {}),
    "DeiT, distilled": ("deit_tiny_distilled_patch16_224", {"depth": 4}),
    "registers": ("vit_small_patch14_reg4_dinov2", {"img_size": (56, 84), "num_classes": 7, "depth": 4}),
    "no CLS": ("vit_base_patch16_gap_224", {"img_size": (48, 80), "depth": 4}),
}
PLAIN = {
    **{kind: arguments for kind, (_, arguments) in KINDS.items() if kind != "distilled"},
    "query and key norm": {"qk_norm": True},
    "norm after the attention": {"scale_attn_norm": True},
    "layer scale": {"init_values": 0.1},
    "no qkv bias": {"qkv_bias": False},
    "pools the prefix": {"global_pool": "avg", "reg_tokens": 2, "pool_include_prefix": True},
}
"""Architectures whose explicit forward equals timm's, over the plain ViT."""


def timm_and_ours(backbone="vit_tiny_patch16_224", **arguments):
    """timm's model and an explicit one of the same random weights."""
    torch.manual_seed(0)
    theirs = timm.create_model(backbone, **arguments).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    ours = timm.create_model(backbone, **arguments).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs.double(), vits.make_attention_explicit(ours).double()


@pytest.mark.parametrize("name", BIG)
def test_softmax_logits_are_those_of_timm_fused_and_watched(name):
    backbone, arguments = BIG[name]
    torch.manual_seed(0)
    model = timm.create_model(backbone, **arguments).eval()
    with torch.no_grad():
        for block in model.blocks:
            block.attn.qkv.weight.mul_(2)
    height, width = model.patch_embed.img_size
    images = torch.randn(1, 3, height, width)
    keys = set(model.state_dict())
    with torch.no_grad():
        expected = model(images)
        vits.make_attention_explicit(model)
        assert_close(model(images), expected, rtol=1e-5, atol=1e-5)
        logits, seen = watched(model, images)
        assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    assert set(model.state_dict()) == keys
    tokens = vits.patch_grid(model).tokens
    probs = torch.stack([stages.probs for stages in seen])
    assert probs.shape == (len(model.blocks), 1, model.blocks[0].attn.num_heads, tokens, tokens)
    assert probs.std() > 0.1 / tokens


@pytest.mark.parametrize("name", PLAIN)
def test_every_plain_architecture_agrees_with_timm(name):
    theirs, ours = timm_and_ours(**SMALL | PLAIN[name])
    images = pictures(3)
    assert_close(ours(images), theirs(images), rtol=1e-10, atol=1e-10)
    assert_close(watched(ours, images)[0], theirs(images), rtol=1e-10, atol=1e-10)
    assert_close(watched(theirs, images)[0], theirs(images), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_logits_and_stages_agree_with_the_twin_of_the_whole_model(mechanism, kind):
    loaded = tiny(mechanism, kind)
    images = pictures(1)
    expected, stages = twin_forward(loaded, images[0])
    with torch.no_grad():
        logits, seen = watched(loaded.model, images)
    assert_close(logits[0], torch.from_numpy(expected), rtol=1e-9, atol=1e-9)
    for layer, stage in itertools.product(range(2), ("scores", "probs", "weights")):
        assert_close(getattr(seen[layer], stage)[0], torch.from_numpy(stages[layer][stage]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_keys_are_those_of_timm_and_what_a_mechanism_learns(mechanism):
    theirs = set(timm.create_model("vit_tiny_patch16_224", **SMALL).state_dict())
    learned = {"svda": "sigma", "learned_threshold": "tau_logit"}
    more = (
        {f"blocks.{layer}.attn.mechanism.{learned[mechanism]}" for layer in (0, 1)} if mechanism in learned else set()
    )
    assert set(tiny(mechanism).model.state_dict()) == theirs | more


def test_a_state_dict_under_another_prefix_gives_the_formula_of_the_paper(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=10).eval()
    with torch.no_grad():
        for block in model.blocks:
            block.attn.qkv.weight.mul_(4)
    torch.save({f"model.{key}": value for key, value in model.state_dict().items()}, tmp_path / "raw.pt")
    loaded = load(tmp_path / "raw.pt", mechanism="hard_threshold", tau=0.01)
    image = torch.randn(1, 3, *loaded.img_size)
    expected, tokens = hard_threshold_vit(model, image, tau=0.01), loaded.grid.tokens
    with torch.no_grad():
        assert_close(loaded.model(image), expected, rtol=1e-5, atol=1e-5)
        seen = watched(loaded.model, image)[1]
        assert max((stages.weights == 0).double().mean() for stages in seen) > 0.5 > 1 / tokens
        assert (model(image) - expected).abs().max() > 1e-3


def hard_threshold_vit(model, image, tau):
    """timm's layers around the formula, written out; no module of the package takes part."""
    x = torch.cat([model.cls_token, model.patch_embed(image)], dim=1) + model.pos_embed
    for block in model.blocks:
        attn, tokens = block.attn, x.shape[1]
        q, k, v = attn.qkv(block.norm1(x)).view(tokens, 3, attn.num_heads, -1).permute(1, 2, 0, 3)
        p = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=-1)
        kept = torch.where(p > tau, p, 0)
        out = kept / (kept.sum(dim=-1, keepdim=True) + 1e-6) @ v
        x = x + attn.proj(out.permute(1, 0, 2).reshape(1, tokens, -1))
        x = x + block.mlp(block.norm2(x))
    return model.head(model.norm(x)[:, 0]).detach()


def masks():
    kept = torch.rand(2, 1, 25, 25, generator=torch.Generator().manual_seed(3)) > 0.3
    kept[..., 0] = True
    bias = torch.randn(25, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    return {"boolean": {"attn_mask": kept}, "additive": {"attn_mask": bias}, "causal": {"is_causal": True}, "none": {}}


@pytest.mark.parametrize("watch", [False, True], ids=["fused", "watched"])
@pytest.mark.parametrize("mask", masks())
@pytest.mark.parametrize("options", [{}, {"gated": True}, {"qk_norm": True, "scale_norm": True}], ids=str)
def test_masks_gate_and_norms_agree_with_timm(options, mask, watch):
    theirs, ours = timm_layer(options)
    x = torch.randn(2, 25, 24, dtype=torch.float64)
    expected = theirs(x, **masks()[mask])
    for layer in (ours, theirs):
        out = watched(layer, x, **masks()[mask])[0] if watch else layer(x, **masks()[mask])
        assert_close(out, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mask", masks())
def test_some_queries_are_rows_of_all(mask):
    _, layer = timm_layer({"gated": True})
    x = torch.randn(2, 25, 24, dtype=torch.float64)
    assert_close(layer(x, **masks()[mask], queries=2), layer(x, **masks()[mask])[:, :2], rtol=1e-10, atol=1e-10)


def timm_layer(options):
    torch.manual_seed(0)
    theirs = vits.TimmAttention(24, 3, qkv_bias=True, norm_layer=torch.nn.LayerNorm, **options).double().eval()
    return theirs, vits.Attention(theirs, MECHANISMS["softmax"].function(3, 8)).eval()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_masked_key_gets_no_weight_and_a_masked_row_is_zero(mechanism):
    layer = tiny(mechanism).model.blocks[0].attn
    kept = torch.rand(25, 25) > 0.5
    kept[3] = False
    x = torch.randn(2, 25, 24, dtype=torch.float64)
    out, (seen,) = watched(layer, x, attn_mask=kept)
    assert out.isfinite().all()
    assert seen.weights[..., ~kept].count_nonzero() == 0
    assert seen.weights[..., 3, :].count_nonzero() == 0
    assert_close(out[:, 3], layer.proj.bias.expand(2, -1))


def test_attention_dropout_acts_in_training_alone_fused_and_watched():
    x = torch.randn(2, 25, 24, dtype=torch.float64)
    theirs, _ = timm_layer({})
    quiet = theirs(x)
    for share, watch in itertools.product((0.0, 0.5), (False, True)):
        theirs.attn_drop.p = share
        layer = vits.Attention(theirs, MECHANISMS["softmax"].function(3, 8))
        with observing(layer, lambda index, seen: seen.weights) if watch else nullcontext():
            assert_close(layer.eval()(x), quiet)
            changed = (layer.train()(x) - quiet).abs().max() > 1e-3
        assert bool(changed) == (share > 0), (share, watch)


def test_the_fused_kernel_is_used_unless_someone_looks_at_the_layer_or_cuts_it(monkeypatch):
    calls, fused = [], F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *args, **kw: calls.append(1) or fused(*args, **kw))
    model, images = tiny().model, pictures()
    model(images)
    assert len(calls) == 2
    cut = MECHANISMS["hard_threshold"].function(3, 8, tau=0.1)
    with changing(model, {0: lambda mechanism: cut}):
        model(images)
    assert len(calls) == 3
    assert len(watched(model, images)[1]) == 2
    assert len(calls) == 3
    model(images)
    assert len(calls) == 5


@pytest.mark.parametrize("name", ["hard_threshold", "soft_threshold", "learned_threshold"])
def test_a_mechanism_that_selects_never_uses_the_fused_kernel(name, monkeypatch):
    model = tiny(name).model
    monkeypatch.delattr(F, "scaled_dot_product_attention")
    assert model(pictures()).isfinite().all()


def test_an_observer_may_replace_the_weights_that_go_on():
    model, images = tiny().model, pictures()
    before = model(images)
    with observing(model, lambda layer, seen: 0 * seen.weights):
        assert (model(images) - before).abs().max() > 1e-3
    assert_close(model(images), before)


READS = {
    "no CLS": [1 / 24] * 24,
    "CLS": [1] + [0] * 24,
    "distilled": [0.5, 0.5] + [0] * 24,
    "CLS and registers": [1] + [0] * 28,
    "CLS, averaged": [0] + [1 / 24] * 24,
}


@pytest.mark.parametrize("kind", READS)
def test_readout_is_what_the_classifier_reads(kind):
    model = tiny(kind=kind, fc_norm=False).model if kind != "distilled" else tiny(kind=kind).model
    assert_close(vits.readout(model), torch.tensor(READS[kind], dtype=torch.float32))
    tokens = torch.randn(1, vits.patch_grid(model).tokens, 24, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.forward_head(tokens).sum(), tokens)
    share = gradient[0].abs().sum(dim=1)
    assert ((share > 0) == (vits.readout(model) > 0)).all()


def test_readout_of_registers_that_are_pooled_counts_them():
    model = tiny(kind="CLS", **PLAIN["pools the prefix"]).model
    assert_close(vits.readout(model), torch.full((27,), 1 / 27))


def test_readout_of_a_pooling_that_is_no_average_is_refused():
    model = tiny(global_pool="map").model
    message = (
        r"^pooling 'map' reads tokens by their content; token maps need 'token' or 'avg' pooling: use grad_cam .*\Z"
    )
    with pytest.raises(UnsupportedModelError, match=message):
        vits.readout(model)


@pytest.mark.parametrize(("kind", "prefix"), [("no CLS", 0), ("CLS", 1), ("distilled", 2), ("CLS and registers", 5)])
def test_the_grid_drops_the_prefix_and_keeps_rows_and_columns(kind, prefix):
    grid = vits.patch_grid(tiny(kind=kind).model)
    assert (grid.rows, grid.cols, grid.prefix, grid.tokens) == (4, 6, prefix, prefix + 24)
    folded = grid.fold(torch.arange(float(grid.tokens)))
    assert_close(folded, prefix + torch.arange(24.0).view(4, 6))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mechanism", ["softmax", "hard_threshold"])
def test_the_tail_continues_to_the_logits(mechanism, kind):
    model, seen = tiny(mechanism, kind, init_values=0.1).model, {}
    model.blocks[-1].norm1.register_forward_hook(lambda module, args, out: seen.update(residual=args[0], normed=out))
    logits = model(pictures())
    grid = vits.patch_grid(model)
    tail = vits.Tail(model, model.blocks[-1].attn.mechanism, seen["residual"], seen["normed"][:, : grid.prefix])
    assert_close(tail(grid.fold(seen["normed"].transpose(1, 2))), logits)


@pytest.mark.parametrize("backbone", ["swin_tiny_patch4_window7_224", "resnet18", "vit_nothing_patch16_224"])
def test_what_is_no_plain_vit_is_refused(backbone):
    with pytest.raises(UnsupportedModelError, match=rf"^(timm has no )?backbone '{backbone}'.*\Z"):
        backbones.create_vit(backbone)


def test_parallel_blocks_are_refused_before_anything_is_replaced():
    model = timm.create_model("vit_small_patch16_18x2_224", img_size=(32, 48), depth=2)
    with pytest.raises(UnsupportedModelError, match=r"^blocks\[0\] is ParallelThingsBlock with NoneType; only .*\Z"):
        vits.make_attention_explicit(model)
    with pytest.raises(UnsupportedModelError, match=r"^Linear is not a timm VisionTransformer; only those .*\Z"):
        vits.make_attention_explicit(torch.nn.Linear(2, 3))


def test_wrong_options_and_names_are_said_in_one_line():
    with pytest.raises(InterpretError, match=r"^mechanism 'softmax' does not take these options: .*'tau'\Z"):
        tiny("softmax", options={"tau": 0.1})
    with pytest.raises(UnknownNameError, match=r"^unknown mechanism 'softmx'; did you mean 'softmax'\? .*\Z"):
        tiny("softmx")
    with pytest.raises(InterpretError, match=r"^vit_tiny_patch16_224: 'wings' is no argument of a plain ViT; leave it"):
        backbones.create_vit("vit_tiny_patch16_224", wings=2)
    with pytest.raises(UnsupportedModelError, match=r"^backbone 'vit_tiny_patch16_224' cannot be built with .*\Z"):
        backbones.create_vit("vit_tiny_patch16_224", class_token=False, global_pool="token")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_is_invariant_to_the_order_of_images_and_of_heads(mechanism):
    loaded = tiny(mechanism, options=OPTIONS.get(mechanism, {}))
    images = pictures(3)
    assert_close(loaded.model(images.flip(0)), loaded.model(images).flip(0))
    before = loaded.model(images)
    with torch.no_grad():
        swap_heads(loaded.model.blocks[0].attn, [2, 0, 1])
    assert_close(loaded.model(images), before)


def swap_heads(attn, order):
    rows = attn.qkv.weight.unflatten(0, (3, 3, 8))[:, order].flatten(0, 2)
    attn.qkv.weight.copy_(rows)
    attn.qkv.bias.copy_(attn.qkv.bias.unflatten(0, (3, 3, 8))[:, order].flatten())
    attn.proj.weight.copy_(attn.proj.weight.unflatten(1, (3, 8))[:, order].flatten(1))
    for parameter in attn.mechanism.parameters():
        parameter.copy_(parameter[order].clone())

"""Any module: what is seen of it, against what it computes when nobody looks."""

import copy
import math
import re
import threading
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
import transformers
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

import interpret
from interpret.foundation.errors import UnsupportedModelError
from interpret.models.attention import attended, stages
from interpret.models.layering import prove_gone_on
from interpret.models.objective import undefined_without_target
from interpret.models.operations import PLAIN
from interpret.models.trace import STAGES
from tests.models import SMALL
from tests.modules import LIBRARIES, OWN, ROTARY, WIDTH, Block, ByHand, Own, TalkingHeads, hugging_face, moved

ALL = OWN | LIBRARIES


def noise(module, batch=2):
    height, width = getattr(module, "img_size", (32, 32))
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(3)).double()


def logits(module, images):
    out = module(images)
    return out if isinstance(out, torch.Tensor) else out.get("logits", out.get("pooler_output"))


@pytest.fixture
def plain_softmax(monkeypatch):
    """Every attention of torch, written out, gives its probabilities to `seen`, and goes on with what `rule` makes."""
    seen, rules, own = [], [], torch.softmax

    def softmax(scores, *args, **kwargs):
        kwargs = {"dim": -1} if not args and "dim" not in kwargs else kwargs
        probs = own(scores, *args, **{name: kwargs[name] for name in kwargs if name in ("dim", "dtype")})
        if probs.ndim < 3 or probs.shape[-1] != probs.shape[-2]:
            return probs
        seen.append(probs)
        return rules[0](probs) if rules else probs

    def fused(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        scores = q @ k.transpose(-2, -1) * (scale or q.shape[-1] ** -0.5)
        scores = scores if attn_mask is None else scores + attn_mask
        return (softmax(scores) if q.shape[-2] == k.shape[-2] else own(scores, -1)) @ v

    monkeypatch.setattr(F, "softmax", softmax)
    monkeypatch.setattr(torch.Tensor, "softmax", softmax)
    monkeypatch.setattr(F, "scaled_dot_product_attention", fused)
    return seen, rules


def by_layer(seen, model):
    """(layer batch head query key) from what was seen call by call."""
    maps = [each if each.ndim == 4 else each.unflatten(0, (len(each), 1)) for each in seen]
    return torch.cat(maps, dim=1).unflatten(1, (model.depth, model.heads)).movedim(1, 0).detach().double()


def within(name):
    """Some form their probabilities in fp32, whatever the module is in."""
    return {"rtol": 1e-5, "atol": 1e-6} if "eager" in name else {"rtol": 1e-9, "atol": 1e-12}


@pytest.mark.parametrize("name", ALL)
def test_probabilities_and_logits_are_what_the_module_computes(name, plain_softmax, monkeypatch):
    module = moved(ALL[name]())
    images = noise(module)
    with torch.no_grad():
        expected = logits(module, images)
    probs, _ = plain_softmax
    monkeypatch.undo()
    model = interpret.load(module)
    trace = interpret.trace(model, images, keep=["probs", "weights"])
    assert_close(trace.logits, expected, rtol=1e-9, atol=1e-9)
    assert_close(trace.probs, by_layer(probs, model), **within(name))
    selects = name == "selects by itself"
    assert (trace.weights - trace.probs).abs().max() > 1e-3 if selects else torch.equal(trace.weights, trace.probs)


def hard(probs, tau=0.06):
    kept = torch.where(probs > tau, probs, 0)
    return kept / (kept.sum(dim=-1, keepdim=True) + 1e-6)


@pytest.mark.parametrize("name", [name for name in ALL if name != "selects by itself"])
def test_a_threshold_acts_inside_the_forward_pass_of_any_module(name, plain_softmax, monkeypatch):
    module = moved(ALL[name]())
    images = noise(module)
    probs, rules = plain_softmax
    rules.append(hard)
    with torch.no_grad():
        expected = logits(module, images)
    monkeypatch.undo()
    model = interpret.load(module)
    plain = model(images)
    with interpret.threshold(model, 0.06):
        trace = interpret.trace(model, images, keep=["probs", "weights"])
        assert_close(model(images), expected, rtol=1e-9, atol=1e-9)
    assert_close(trace.logits, expected, rtol=1e-9, atol=1e-9)
    assert_close(trace.weights, hard(by_layer(probs, model)), **within(name))
    assert (plain - expected).abs().max() > 1e-3 * plain.abs().max()
    assert_close(model(images), plain, rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_the_graph(name, plain_softmax, monkeypatch):
    module = moved(ALL[name]())
    images = noise(module)
    probs, rules = plain_softmax
    rules.append(lambda each: each)
    score = logits(module, images)[:, 1].sum()
    expected = torch.autograd.grad(score, probs)
    monkeypatch.undo()
    model = interpret.load(module)
    if name == "selects by itself":
        return
    trace = interpret.trace(model, images, 1, keep=["gradient"])
    largest = trace.gradient.abs().max()
    assert_close(trace.gradient / largest, by_layer(expected, model) / largest, **within(name) | {"rtol": 1e-5})


def test_a_selection_of_ones_own_is_replaced_by_the_threshold_and_seen_without_it():
    module = moved(OWN["selects by itself"]())
    model, images = interpret.load(module), noise(module)
    other = copy.deepcopy(module)
    for block in other.blocks:
        block.attention.tau = 0.1
    with interpret.threshold(model, 0.1):
        assert_close(model(images), other(images), rtol=1e-9, atol=1e-9)
    assert "its attention selects by itself after the softmax" in model.assumed


class Subclassed(VisionTransformer):
    """Timm's own, but not by its type."""


@pytest.mark.parametrize("more", [{}, {"reg_tokens": 2}, {"class_token": False, "global_pool": "avg"}], ids=str)
def test_a_module_that_is_looked_at_gives_what_the_explicit_copy_of_it_gives(more):
    torch.manual_seed(0)
    module = moved(Subclassed(**SMALL | {"init_values": 1.0} | more))
    plain = VisionTransformer(**SMALL | {"init_values": 1.0} | more).double().eval()
    plain.load_state_dict(module.state_dict())
    looked, explicit = interpret.load(module), interpret.load(plain)
    assert looked.measured
    assert not explicit.measured
    images = torch.randn(3, 3, 32, 48).double()
    keep = [stage for stage in STAGES if stage not in looked.anatomy.hidden]
    assert keep == list(STAGES)
    with interpret.head_pruning(looked, [(0, 1)]), interpret.head_pruning(explicit, [(0, 1)]):
        traces = [interpret.trace(model, images, keep=keep) for model in (looked, explicit)]
    for stage in keep:
        assert_close(getattr(traces[0], stage), getattr(traces[1], stage), rtol=1e-9, atol=1e-9, msg=stage)
    for name in interpret.ATTRIBUTIONS:
        maps = [interpret.attribute(trace, name) for trace in traces]
        assert_close(*maps, rtol=1e-5, atol=1e-5 * maps[1].abs().max().item(), msg=name)
    for name in interpret.INDICATORS:
        tables = [interpret.measure(trace, name) for trace in traces]
        common = tables[1][tables[1]["kind"] != "qk_weight"]
        assert_close(torch.tensor(tables[0]["value"].values), torch.tensor(common["value"].values), equal_nan=True)


LAST_NORM = {
    "Hugging Face ViT": lambda module: module.vit.layers[-1].layernorm_before,
    "torchvision": lambda module: module.encoder.layers[-1].ln_1,
    "by hand": lambda module: module.blocks[-1].norms[0],
    "timm DINOv3": lambda module: module.blocks[-1].norm1,
}


@pytest.mark.parametrize("name", LAST_NORM)
def test_grad_cam_is_that_of_pytorch_grad_cam_on_the_module_itself(name):
    module = moved(ALL[name](), torch.float32)
    model, images = interpret.load(module), noise(module).float()

    def as_map(tokens):
        return model.grid.fold(tokens.transpose(1, 2))

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, x):
            return logits(self.module, x)

    module.requires_grad_(True)
    with GradCAM(Logits(), [LAST_NORM[name](module)], reshape_transform=as_map) as cam:
        theirs = torch.from_numpy(cam(images, [ClassifierOutputTarget(2)] * 2, aug_smooth=False))
    ours = interpret.attribute(model, images, "grad_cam", target=2)
    ours = F.interpolate(ours[:, None], images.shape[-2:], mode="bilinear")[:, 0]
    low, high = ours.amin(dim=(1, 2), keepdim=True), ours.amax(dim=(1, 2), keepdim=True)
    assert_close((ours - low) / (high - low), theirs, rtol=0, atol=2e-2)


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_left_in_the_module(name):
    module = moved(ALL[name]()).train()
    module.requires_grad_(True)
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    model = interpret.load(module)
    assert model.model is module
    with interpret.threshold(model, 0.05):
        interpret.trace(model, noise(module), 0, keep=["weights", "gradient"])
    assert all(each.training for each in module.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())
    assert_close(dict(module.state_dict()), before, rtol=0, atol=0)


def test_a_module_in_training_is_asked_in_eval_mode():
    module = moved(Own(lambda: nn.Sequential(Block(ByHand()), nn.Dropout(0.5))))
    images = noise(module)
    expected = module(images)
    model = interpret.load(module.train())
    assert_close(model(images), expected)
    assert module.training


def test_three_threads_on_one_model_see_the_right_maps():
    module = moved(LIBRARIES["torchvision"]()).train()
    model, images = interpret.load(module), noise(module, 6)
    expected = interpret.trace(model, images, 1, keep=["weights", "gradient"])
    traces: dict[int, interpret.Trace] = {}

    def look(index):
        for _ in range(3):
            traces[index] = interpret.trace(model, images[2 * index : 2 * index + 2], 1, keep=["weights", "gradient"])

    threads = [threading.Thread(target=look, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, trace in traces.items():
        part = slice(2 * index, 2 * index + 2)
        assert_close(trace.weights, expected.weights[:, part], rtol=1e-9, atol=1e-12)
        assert_close(trace.gradient, expected.gradient[:, part], rtol=1e-9, atol=1e-12)
    assert len(traces) == 3
    assert all(each.training for each in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_an_intervention_is_of_one_model_and_one_thread():
    one, other = (interpret.load(moved(OWN["by hand"](), seed=seed)) for seed in (0, 1))
    images, elsewhere = noise(one.model), []
    plain, plainly = one(images), other(images)
    with interpret.threshold(one, 0.1):
        assert (one(images) - plain).abs().max() > 1e-3
        assert_close(other(images), plainly, rtol=0, atol=0)
        thread = threading.Thread(target=lambda: elsewhere.append(one(images)))
        thread.start()
        thread.join()
    assert_close(elsewhere[0], plain, rtol=0, atol=0)


def test_images_by_name_are_refused_where_they_cannot_be_told_from_heads():
    module = moved(OWN["heads apart"]())
    model, images = interpret.load(module), noise(module)
    with interpret.threshold(model, 0.1):
        module(images)
        with pytest.raises(interpret.InterpretError, match=r"^Own was called without a batch .*pass them by position"):
            module(images=images)


def test_the_start_of_a_readout_is_measured():
    reads = {name: interpret.load(moved(OWN[name]())).anatomy.reads for name in OWN}
    assert reads["by hand"] == (1.0,) + (0.0,) * 24
    assert reads["registers"] == (1.0,) + (0.0,) * 27
    assert_close(torch.tensor(reads["no class token"]), torch.full((24,), 1 / 24), rtol=1e-6, atol=1e-6)
    beside = interpret.load(moved(LIBRARIES["Hugging Face DINOv2"]())).anatomy.reads
    assert_close(torch.tensor(beside), torch.tensor([0.5, *[0.5 / 16] * 16]), rtol=1e-6, atol=1e-6)
    assert reads["attention pooling"].startswith("Own reads its final tokens each in its own way, as by their content;")


REFUSED = {
    "talking heads": (
        lambda: moved(Own(lambda: Block(TalkingHeads()))),
        r"^Own: blocks\.0\.attention mixes its heads after the softmax \(talking heads\); maps of single .*\Z",
    ),
    "windows": (
        lambda: timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1), embed_dim=24, window_size=4),
        r"^swin_tiny_patch4_window7_224: its attention is not of all tokens to each other in every layer \(windows, or "
        r"several resolutions\): maps of .* for 2 images; rollout and its kin are undefined there, and "
        r"layers\.3\.blocks\.0\.attn, the last, is not given all tokens .*; use pytorch_grad_cam\.GradCAM at the .*\Z",
    ),
    "no attention": (
        torchvision.models.resnet18,
        r"^ResNet: 0 attention operations seen; expected a softmax over tokens that is multiplied by values\Z",
    ),
    "scripted": (
        lambda: torch.jit.trace(Own(lambda: Block(ByHand())).eval(), torch.randn(2, 3, 32, 48)),
        r"^\w+ is scripted, its attention runs where it is not seen; pass the module that it was made of\Z",
    ),
    "text and images": (
        lambda: transformers.CLIPModel(
            transformers.CLIPConfig(
                text_config={"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2},
                vision_config={"image_size": 32, "patch_size": 8, "hidden_size": 24, "num_hidden_layers": 1},
            )
        ),
        r"^CLIPModel has two towers, .*; load that of pictures: interpret.load\(model.vision_model\)\Z",
    ),
}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_looked_at_is_refused_by_name(kind):
    make, message = REFUSED[kind]
    module = make()
    size = {} if kind in ("windows", "text and images") else {"img_size": (32, 48)}
    with pytest.raises(UnsupportedModelError) as refused:
        interpret.load(module, **size)
    assert re.match(message, str(refused.value)), str(refused.value)


def test_what_is_not_seen_is_said_by_the_user():
    module = moved(OWN["heads apart"]())
    assert interpret.load(module, layers=2).heads == 3
    with pytest.raises(interpret.InterpretError, match=r"^Own: layers=4, but 6 attentions were seen; .*\Z"):
        interpret.load(module, layers=4)
    with pytest.raises(interpret.InterpretError, match=r"^Own: its 25 tokens .* are not 5 x 6 patches after grid=.*\Z"):
        interpret.load(module, grid=(5, 6))
    with pytest.raises(UnsupportedModelError, match=r"^Own: the corners of its 6 x 4 patches are tokens .*\Z"):
        interpret.load(module, grid=(6, 4))


def test_the_sizes_and_names_of_a_hugging_face_model_are_its_own(tmp_path):
    config = transformers.ViTConfig(**WIDTH | {"image_size": 48, "patch_size": 8}, id2label={0: "cat", 1: "dog"})
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessorFast(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]).save_pretrained(tmp_path)
    model = interpret.load(transformers.ViTForImageClassification.from_pretrained(tmp_path))
    assert (model.img_size, model.spec.classes) == ((48, 48), ("cat", "dog"))
    assert (model.spec.mean, model.spec.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert interpret.trace(model, torch.randn(1, 3, 48, 48), "dog").classes.tolist() == [1]


def test_scale_masks_and_shared_keys_of_the_fused_product_are_honoured():
    class Grouped(nn.Module):
        def __init__(self, **options):
            super().__init__()
            self.options, self.qkv = options, nn.Linear(24, 24 + 2 * 8)

        def forward(self, x):
            q, k, v = (each.unflatten(-1, (-1, 8)).transpose(1, 2) for each in self.qkv(x).split((24, 8, 8), dim=-1))
            out = F.scaled_dot_product_attention(q, k, v, enable_gqa=True, **self.options)
            return out.transpose(1, 2).flatten(2)

    bias = torch.randn(25, 25, dtype=torch.float64)
    for options in ({"scale": 0.7}, {"is_causal": True}, {"attn_mask": bias}, {"attn_mask": bias > 0}):
        module = moved(Own(lambda options=options: Block(Grouped(**options))))
        images = noise(module)
        model = interpret.load(module)
        assert_close(interpret.trace(model, images).logits, module(images), rtol=1e-9, atol=1e-9)
        assert math.isclose(interpret.trace(model, images).weights.sum(dim=-1).mean(), 1, rel_tol=0.1)


class Sum(nn.Module):
    """Two attentions of the same tokens, added up."""

    def __init__(self):
        super().__init__()
        self.one, self.two = ByHand(), ByHand()

    def forward(self, x):
        return self.one(x) + self.two(x)


class TwoProducts(ByHand):
    """The same weights multiplied twice."""

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        if self.tau is not None:
            weights = hard(weights, self.tau)
        return self.out((weights @ v + weights @ v.square()).transpose(1, 2).flatten(2))


class Difference(ByHand):
    """One softmax less another."""

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1)).softmax(dim=-1) - 0.3 * (k @ q.transpose(-2, -1)).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Unseen(ByHand):
    """Weights that are multiplied by no product of matrices."""

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.out((weights[..., None] * v[:, :, None]).sum(dim=-2).transpose(1, 2).flatten(2))


class ThreeAxes(ByHand):
    """The fused product of one head, (batch token d)."""

    def forward(self, x):
        return self.out(F.scaled_dot_product_attention(*self.qkv(x).chunk(3, dim=-1)))


class Shared(Own):
    """One block, called twice."""

    def forward(self, images):
        x = self.embed(images)
        for _ in range(2):
            x = self.blocks[0](x)
        return self.head(self.norm(x)[:, 0])


class Skips(Own):
    """The second block runs, and nobody reads it."""

    def forward(self, images):
        x = self.blocks[0](self.embed(images))
        self.blocks[1](x)
        return self.head(self.norm(x)[:, 0])


def test_attentions_that_are_added_up_are_heads_of_one_layer():
    module = moved(Own(lambda: Block(Sum())))
    model, images = interpret.load(module), noise(module)
    assert (model.depth, model.heads) == (2, 6)
    other = copy.deepcopy(module)
    bias = other.blocks[0].attention.one.out.bias
    other.blocks[0].attention.one.forward = bias.expand_as
    with interpret.head_pruning(model, [(0, head) for head in (0, 1, 2)]):
        assert_close(model(images), other(images), rtol=1e-9, atol=1e-9)
    trace = interpret.trace(model, images, 1, keep=["weights", "gradient"])
    assert trace.gradient[0].abs().amax(dim=(0, 2, 3)).min() > 0


def test_weights_that_are_multiplied_twice_are_cut_twice():
    module = moved(Own(lambda: Block(TwoProducts())))
    other = copy.deepcopy(module)
    for block in other.blocks:
        block.attention.tau = 0.06
    model, images = interpret.load(module), noise(module)
    with interpret.threshold(model, 0.06):
        assert_close(model(images), other(images), rtol=1e-9, atol=1e-9)


def test_one_head_of_the_fused_product_on_three_axes_is_seen():
    module = moved(Own(lambda: Block(ThreeAxes())))
    model, images = interpret.load(module), noise(module)
    assert (model.depth, model.heads) == (2, 1)
    assert_close(interpret.trace(model, images).logits, module(images), rtol=1e-9, atol=1e-9)


def test_a_block_that_is_called_twice_gives_two_maps_and_no_features():
    module = moved(Shared(lambda: Block(ByHand())))
    del module.blocks[1]
    model, images = interpret.load(module), noise(module)
    assert (model.depth, "modules that form the attention of its 2 layers: 1" in model.assumed) == (2, True)
    assert interpret.attribute(model, images, "rollout").shape == (2, 4, 6)
    with pytest.raises(UnsupportedModelError, match=r"^Shared shows no features: .*\Z"):
        interpret.attribute(model, images, "grad_cam")


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (
            Difference,
            "Own: blocks.0.attention makes its weights of several softmaxes; its attention cannot be looked at",
        ),
        (Unseen, "Own: 0 attention operations seen; expected a softmax over tokens that is multiplied by values"),
    ],
)
def test_weights_of_another_making_are_refused(attention, message):
    with pytest.raises(UnsupportedModelError) as refused:
        interpret.load(moved(Own(lambda: Block(attention()))))
    assert str(refused.value).startswith(message)


def test_a_block_whose_attention_is_not_seen_makes_the_others_untrue():
    kinds = iter([ByHand, Unseen])
    with pytest.raises(UnsupportedModelError, match=r"^Own: no attention was seen in blocks\.1, a Block as .*\Z"):
        interpret.load(moved(Own(lambda: Block(next(kinds)()))))


def test_scopes_may_be_closed_in_any_order():
    one, other = (interpret.load(moved(OWN["by hand"](), seed=seed)) for seed in (0, 1))
    images = noise(one.model)
    plain = other(images)
    with interpret.threshold(other, 0.1):
        cut = other(images)
    first, second = interpret.threshold(one, 0.1), interpret.threshold(other, 0.1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert_close(other(images), cut, rtol=0, atol=0)
    second.__exit__(None, None, None)
    assert_close(other(images), plain, rtol=0, atol=0)


def test_a_layer_that_nobody_reads_has_no_gradient():
    module = moved(Skips(lambda: Block(ByHand())))
    trace = interpret.trace(interpret.load(module), noise(module), 1, keep=["gradient"])
    assert trace.gradient[0].any()
    assert not trace.gradient[1].any()


def test_scores_of_half_precision_are_formed_as_the_fused_kernel_forms_them():
    torch.manual_seed(0)
    q, k, v = (4 * torch.randn(1, 2, 25, 16, dtype=torch.bfloat16) for _ in range(3))
    ours = attended(stages(q, k, PLAIN), v).double()
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
    fused = F.scaled_dot_product_attention(q, k, v).double()
    assert (ours - exact).abs().max() < 2 * (fused - exact).abs().max()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"grid": 3}, r"load: grid=3; expected two whole numbers above 0, height before width"),
        ({"grid": (4, -6)}, r"load: grid=\(4, -6\); expected two whole numbers"),
        ({"img_size": "a"}, r"load: img_size='a'; expected two whole numbers"),
        ({"prefix": -1}, r"load: prefix=-1; expected a whole number"),
        ({"layers": "2"}, r"load: layers='2'; expected how many layers it has, a whole number above 0"),
    ],
    ids=str,
)
def test_what_is_said_wrongly_of_a_module_is_told(asked, message):
    with pytest.raises(interpret.InterpretError, match=message):
        interpret.load(moved(OWN["by hand"]()), **asked)


def test_what_a_compiled_or_parallel_module_runs_is_looked_at():
    module = moved(OWN["by hand"]())
    assert interpret.load(nn.DataParallel(module)).model is module
    assert interpret.load(torch.compile(module)).model is module


COMPILED = {
    "one block": lambda blocks: blocks.__setitem__(0, torch.compile(blocks[0])),
    "every block": lambda blocks: [blocks.__setitem__(at, torch.compile(block)) for at, block in enumerate(blocks)],
    "one block in its place": lambda blocks: blocks[1].compile(),
}


@pytest.mark.parametrize("compiled", COMPILED.values(), ids=COMPILED)
def test_compiled_parts_are_looked_through_and_stay_compiled(compiled):
    """A compiled layer is seen with its values and without its place in the graph: two layers would become one."""
    module = moved(OWN["by hand"]())
    images = noise(module)
    expected = interpret.attribute(interpret.load(module), images, "rollout")
    compiled(module.blocks)
    before = dict(module.named_modules())
    loaded = interpret.load(module)
    assert_close(interpret.attribute(loaded, images, "rollout"), expected)
    assert loaded.depth == len(module.blocks)
    assert dict(module.named_modules()) == before
    assert next(loaded.model.parameters()) is next(module.parameters())


def test_weights_that_the_module_does_not_go_on_with_are_refused():
    """As inside a compiled function, which gives a copy of what it uses."""
    q, k, v = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    copied, used = stages(q, k, PLAIN), stages(k, q, PLAIN)
    logits = (used.weights @ v).flatten(1)
    prove_gone_on([used, copied], logits, "it")  # nothing reads the last attention
    with pytest.raises(UnsupportedModelError, match="it: what was seen in first is not what it went on with, as where"):
        prove_gone_on([replace(copied, module="first"), used], logits, "it")


DEIT = {
    "timm": lambda: timm.create_model("deit_tiny_distilled_patch16_224", **ROTARY),
    "transformers": lambda: hugging_face(
        transformers.DeiTForImageClassificationWithTeacher, transformers.DeiTConfig, num_labels=5
    ),
}


@pytest.mark.parametrize("name", DEIT)
def test_two_linear_heads_on_two_tokens_read_a_half_of_each_as_from_the_file(name, tmp_path):
    module = moved(DEIT[name](), torch.float32)
    torch.save(module.state_dict(), tmp_path / "deit.pth")
    model, images = interpret.load(module), noise(module).float()
    of_file = interpret.load(tmp_path / "deit.pth", heads=3, eps=1e-12 if name == "transformers" else 1e-6)
    assert model.anatomy.reads == (0.5, 0.5, *[0.0] * 16)
    for attribution in ("rollout", "cls_attention", "relevance"):
        expected = interpret.attribute(of_file, images, attribution)
        assert_close(interpret.attribute(model, images, attribution), expected, rtol=1e-4, atol=1e-6)


class Gated(Own):
    """Its class token weighs a register, so what is read of that depends on the image."""

    def forward(self, images):
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x[:, 0] * x[:, 1].sigmoid())


def test_two_tokens_that_are_read_by_their_content_have_no_fixed_share():
    model = interpret.load(moved(Gated(lambda: Block(ByHand()), prefix=4)))
    with pytest.raises(UnsupportedModelError, match="reads its final tokens each in its own way, as by their content"):
        interpret.attribute(model, noise(model.model), "rollout")


CLOSE = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Scores of two precisions differ by less than this share of the largest."""


@pytest.mark.long
@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_any_dtype_shows_the_attention_of_its_rounded_weights(name, dtype):
    module = moved(ALL[name](), dtype)
    twin = interpret.load(copy.deepcopy(module).double())
    images = noise(twin.model).to(dtype)
    target = 0 if undefined_without_target(twin) else None
    trace = interpret.trace(interpret.load(module), images, target, keep=["scores", "probs", "weights", "gradient"])
    scores = trace.scores[0].double()
    expected = interpret.trace(twin, images.double(), keep=["scores"]).scores[0].double()
    assert (scores - expected).abs().max() <= CLOSE[dtype] * expected.abs().max()
    assert_close(trace.probs[0].double(), scores.softmax(dim=-1), rtol=CLOSE[dtype], atol=1e-6)
    assert all(getattr(trace, stage).isfinite().all() for stage in ("probs", "weights", "gradient"))

"""What people have in their hands goes in: a live model, pictures, paths, arrays, data sets, names, functions."""

import io
import os

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageOps
from skimage import data as photographs
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.testing import assert_close

import interpret
from interpret.data import as_dataset, fit
from interpret.models import upsampling
from tests.models import tiny

SMALL = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}
KINDS = {
    "plain": {},
    "registers": {"reg_tokens": 4},
    "average pooling": {"class_token": False, "global_pool": "avg"},
    "class token, averaged": {"global_pool": "avg", "fc_norm": False},
    "LayerScale": {"init_values": 1.0},
    "qk norm": {"qk_norm": True},
    "other activation": {"act_layer": nn.SiLU},
}


def live(**options) -> VisionTransformer:
    """A model of which every parameter is moved: a fresh head and fresh biases are zero and hide every mistake."""
    torch.manual_seed(0)
    vit = VisionTransformer(**SMALL | options).eval()
    with torch.no_grad():
        for parameter in vit.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return vit


def with_scale(vit):
    for block in vit.blocks:
        block.attn.fused_attn, block.attn.scale = False, 0.9


CHANGED = {
    "hook of a block": lambda vit: vit.blocks[0].register_forward_hook(lambda module, given, out: 2 * out),
    "hook of the last attention": lambda vit: vit.blocks[-1].attn.register_forward_hook(lambda m, given, out: 2 * out),
    "hook before": lambda vit: vit.patch_embed.register_forward_pre_hook(lambda module, given: (2 * given[0],)),
    "scale that the fused kernel ignores": lambda vit: setattr(vit.blocks[0].attn, "scale", 0.9),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_live_model_that_was_changed_is_looked_at_as_it_is(change, fresh):
    """A fresh one too, whose zero head and small LayerScale hide from its logits what its blocks do."""
    vit = VisionTransformer(**SMALL, init_values=1e-6).eval() if fresh else live()
    if fresh:
        nn.init.zeros_(vit.head.weight)
    assert interpret.load(vit).model is not vit
    change(vit)
    loaded, images = interpret.load(vit), torch.randn(2, 3, 32, 48)
    assert loaded.model is vit
    assert_close(interpret.trace(loaded, images).logits, vit(images), rtol=1e-5, atol=1e-5)
    proved = not any("which proves nothing" in note for note in loaded.assumed)
    assert proved == (not fresh)


@pytest.mark.parametrize("part", ["blocks.1", "blocks.0.attn"])
def test_a_block_without_attention_among_others_is_refused(part):
    vit = live()
    vit.get_submodule(part).forward = lambda x, **options: 0.5 * x
    with pytest.raises(interpret.InterpretError, match=r"^VisionTransformer: no attention was seen in blocks\.\d"):
        interpret.load(vit)


def test_a_module_that_cannot_be_copied_is_looked_at_as_it_is():
    vit = live()
    vit.blocks[0].kept = 2 * vit.head.weight
    assert interpret.load(vit).model is vit


def test_what_gives_no_logits_is_refused():
    vit = live()
    vit.forward = lambda x: {"pixels": x}
    message = r"^VisionTransformer gives dict, expected \(batch, class\) floats; wrap it in a module whose .*\Z"
    with pytest.raises(interpret.InterpretError, match=message):
        interpret.load(vit)


def test_another_scale_that_the_model_itself_uses_is_honoured():
    vit, images = live(), torch.randn(2, 3, 32, 48)
    before = interpret.load(vit)(images)
    with_scale(vit)
    with torch.no_grad():
        assert_close(interpret.load(vit)(images), vit(images), rtol=1e-5, atol=1e-5)
        assert (vit(images) - before).abs().max() > 1e-3


def test_a_hook_that_only_looks_sees_one_pass_of_noise_and_then_the_users_own_alone():
    vit, seen = live(), []
    vit.blocks[0].register_forward_hook(lambda module, given, out: seen.append(out.shape))
    loaded = interpret.load(vit)
    assert len(seen) == 1, "a pass of noise shows that the hook changes nothing"
    interpret.trace(loaded, torch.randn(1, 3, 32, 48))
    assert len(seen) == 1
    vit(torch.randn(1, 3, 32, 48))
    assert len(seen) == 2


def test_what_was_not_trained_is_said_to_be_assumed():
    mean_and_std = interpret.load(live()).assumed
    assumed = interpret.load(live(), mechanism="svda").assumed
    assert set(assumed) - set(mean_and_std) == {"sigma of svda assumed as before any training"}
    assert interpret.load(live(), mechanism="hard_threshold", tau=0.1).assumed == mean_and_std


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(photographs.chelsea())


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_a_live_model_gives_its_own_logits(options):
    vit, images = live(**options), torch.randn(2, 3, 32, 48)
    loaded = interpret.load(vit)
    with torch.no_grad():
        assert_close(loaded(images), vit(images), rtol=1e-5, atol=1e-5)
    traced = interpret.trace(loaded, images)
    assert_close(traced.logits, vit(images).detach(), rtol=1e-4, atol=1e-4)
    assert (loaded.depth, loaded.heads, loaded.img_size) == (2, 3, (32, 48))


def test_the_users_module_is_untouched():
    vit = live().train()
    before, kinds = {key: value.clone() for key, value in vit.state_dict().items()}, [type(m) for m in vit.modules()]
    loaded = interpret.load(vit)
    interpret.attribute(loaded, torch.randn(1, 3, 32, 48), "relevance")
    with torch.no_grad():
        loaded.model.head.weight.zero_()
    assert vit.training
    assert [type(module) for module in vit.modules()] == kinds
    assert all(parameter.requires_grad and parameter.grad is None for parameter in vit.parameters())
    for key, value in vit.state_dict().items():
        assert_close(value, before[key])


def test_timms_configuration_says_statistics_and_classes():
    vit = timm.create_model("vit_tiny_patch16_224", depth=1)
    loaded = interpret.load(vit)
    assert (loaded.name, loaded.spec.mean, loaded.spec.classes[281]) == (
        "vit_tiny_patch16_224",
        (0.5,) * 3,
        "tabby, tabby cat",
    )
    assert loaded.assumed == ()
    other = interpret.load(
        timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=3), mean=(0.1,) * 3, name="mine"
    )
    assert (other.name, other.spec.mean, other.spec.classes) == ("mine", (0.1,) * 3, ())
    assert interpret.load(live()).assumed == ("mean (0.5, 0.5, 0.5) assumed", "std (0.5, 0.5, 0.5) assumed")


def test_a_live_model_may_be_given_a_threshold():
    loaded = interpret.load(live(), mechanism="hard_threshold", tau=0.05)
    assert (interpret.trace(loaded, torch.randn(1, 3, 32, 48)).weights == 0).any()
    assert loaded.spec.rule == "hard_threshold tau=0.05"


def test_a_live_model_is_saved_and_opened_again(tmp_path):
    loaded, images = interpret.load(live(init_values=1.0, reg_tokens=2)), torch.randn(2, 3, 32, 48)
    interpret.save(tmp_path / "a.pt", loaded)
    with torch.no_grad():
        assert_close(interpret.load(tmp_path / "a.pt")(images), loaded(images))


def test_what_a_specification_cannot_say_is_not_saved(tmp_path):
    with pytest.raises(interpret.InterpretError, match=r"cannot be saved: .* gives other logits"):
        interpret.save(tmp_path / "a.pt", interpret.load(live(act_layer=nn.SiLU)))
    assert list(tmp_path.iterdir()) == []


def test_one_picture_in_every_form_is_the_same_input(photo, tmp_path):
    path = tmp_path / "cat.png"
    photo.save(path)
    vit = tiny(dtype=torch.float32)
    expected = vit.pixels([photo])
    array = np.asarray(photo)
    for form in (photo, path, os.fspath(path), [path], array, array[None], [array], photo.convert("RGBA")):
        assert_close(vit.pixels(form), expected)
    tensor = expected[0]
    assert_close(vit.pixels(tensor), expected)
    assert_close(vit.pixels([tensor, tensor]), expected.repeat(2, 1, 1, 1))


def test_other_modes_are_opened_as_files_are(photo):
    vit = tiny(dtype=torch.float32)
    grey = photo.convert("L")
    assert_close(vit.pixels(grey), vit.pixels(grey.convert("RGB")))
    assert_close(vit.pixels(np.asarray(grey)), vit.pixels(grey.convert("RGB")))
    clear = Image.new("RGBA", (48, 32), (255, 0, 0, 0))
    assert_close(vit.pixels(clear), vit.pixels(Image.new("RGB", (48, 32), "white")))
    sixteen = Image.fromarray(np.full((32, 48), 65535, dtype=np.uint16))
    assert_close(vit.pixels(sixteen), vit.pixels(Image.new("RGB", (48, 32), "white")))


class Torch(torch.utils.data.Dataset):
    """A data set of torchvision's form."""

    classes = ("cat", "dog")

    def __init__(self, picture: Image.Image) -> None:
        self.picture = picture

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return self.picture.rotate(90 * index), index % 2


class ClassLabel:
    """As Hugging Face calls its column of labels."""

    names = ("cat", "dog")


class HuggingFace(Torch):
    """A data set with the two attributes by which Hugging Face's are known."""

    column_names = ("image", "label")

    @property
    def features(self) -> dict:
        return {"image": type("Image", (), {})(), "label": ClassLabel()}

    def __getitem__(self, index: int) -> dict:
        picture, label = super().__getitem__(index)
        return {"image": picture, "label": label}


def test_data_sets_of_others_are_read(photo, tmp_path):
    for index in range(3):
        (tmp_path / f"{'cat' if index % 2 == 0 else 'dog'}").mkdir(exist_ok=True)
        photo.rotate(90 * index).save(tmp_path / ("cat" if index % 2 == 0 else "dog") / f"{index}.png")
    loader = torch.utils.data.DataLoader(Torch(photo), collate_fn=list)
    for data in (Torch(photo), loader, HuggingFace(photo)):
        found = as_dataset(data)
        assert (len(found), found.classes, [example.label for example in found]) == (3, ("cat", "dog"), [0, 1, 0])
        assert np.array_equal(np.asarray(found[1].image), np.asarray(photo.rotate(90)))
    folder = as_dataset(tmp_path)
    assert (folder.classes, sorted(example.label for example in folder)) == (("cat", "dog"), [0, 0, 1])
    assert as_dataset("shapes").name == "shapes"
    listed = as_dataset([photo, tmp_path / "cat" / "0.png"])
    assert (len(listed), listed.classes, listed[1].label) == (2, (), None)


def test_one_name_and_one_model_serve_as_lists(photo):
    vit = interpret.load(live())
    table = interpret.survey(vit, [photo], "sparsity")
    assert set(table["indicator"]) == {"sparsity"}
    assert set(interpret.measure(interpret.trace(vit, photo), "active_tokens")["indicator"]) == {"active_tokens"}


def test_what_to_keep_may_be_named_by_what_it_is_for(photo):
    vit = interpret.load(live())
    trace = interpret.trace(vit, photo, keep=["relevance", "retained_mass"])
    assert trace.gradient is not None
    assert trace.probs is not None
    assert trace.scores is None
    assert_close(interpret.attribute(trace, "relevance"), interpret.attribute(vit, photo, "relevance"))


@pytest.mark.parametrize("name", ["relevance", "gradient_rollout", "layer_grad_cam", "grad_cam"])
def test_a_class_as_mixture_or_function_is_the_class(name):
    vit, images = tiny(), torch.randn(2, 3, 32, 48, dtype=torch.float64)
    expected = interpret.attribute(vit, images, name, target=2)
    one_hot = torch.eye(5, dtype=torch.float64)[2]
    for target in (one_hot, one_hot.expand(2, 5), lambda logits: logits[:, 2], [2, 2]):
        assert_close(interpret.attribute(vit, images, name, target=target), expected)


@pytest.mark.parametrize("name", ["relevance", "layer_grad_cam", "grad_cam"])
def test_a_contrast_is_linear_where_the_map_is(name):
    vit, images = tiny(), torch.randn(1, 3, 32, 48, dtype=torch.float64)
    contrast = interpret.trace(vit, images, lambda logits: logits[:, 1] - logits[:, 3], keep="relevance")
    parts = [interpret.trace(vit, images, target, keep="relevance") for target in (1, 3)]
    assert_close(contrast.gradient, parts[0].gradient - parts[1].gradient)
    if name == "layer_grad_cam":
        assert_close(
            interpret.attribute(contrast, name),
            interpret.attribute(parts[0], name) - interpret.attribute(parts[1], name),
        )
    assert contrast.target is None
    with pytest.raises(interpret.InterpretError, match="explains <lambda>, not one class"):
        _ = contrast.classes


def test_a_target_by_name():
    vit = interpret.load(live(), classes=("ant", "bee", "cat", "dog", "elk"))
    images = torch.randn(2, 3, 32, 48)
    assert interpret.trace(vit, images, "cat").target.tolist() == [2, 2]
    assert interpret.trace(vit, images, ["cat", "elk"]).target.tolist() == [2, 4]


@pytest.mark.parametrize("size", [(451, 300), (300, 451), (48, 32), (96, 64), (7, 1000), (1, 1), (333, 221)])
def test_what_a_model_sees_is_the_crop_that_pillow_makes(size):
    picture = Image.effect_noise(size, 90).convert("RGB")
    for wanted in ((32, 48), (224, 224), (37, 11)):
        assert fit(picture, wanted).tobytes() == ImageOps.fit(picture, wanted[::-1], Image.Resampling.BICUBIC).tobytes()


@pytest.mark.parametrize("size", [(300, 451), (451, 300), (64, 96)])
def test_a_map_lies_where_the_model_saw_it(size):
    """A picture whose pixels are the coordinates themselves: what `fit` gives says where each patch was."""
    vit, (height, width) = tiny(dtype=torch.float32), size
    row, col = np.mgrid[:height, :width]
    for axis, cells in ((row, 4), (col, 6)):
        seen = np.asarray(fit(Image.fromarray((axis / axis.max() * 255).astype(np.uint8)), (32, 48)), dtype=float)
        patches = seen.reshape(4, 8, 6, 8).mean(axis=(1, 3)) / 255 * axis.max()
        back = upsampling.upsample(patches, Image.new("RGB", (width, height)), vit)
        inside = ~np.isnan(back)
        middle = inside & (np.abs(row - height / 2) < 0.2 * height) & (np.abs(col - width / 2) < 0.2 * width)
        assert np.abs(back - axis)[middle].max() < 0.12 * axis.max() / cells + 1  # a cubic bends a ramp by that much
        tall, broad = inside.any(axis=1).sum(), inside.any(axis=0).sum()
        assert abs(tall / broad - 32 / 48) < 0.02
        assert tall == height or broad == width


def test_a_mask_comes_back_as_a_mask_and_uncovered_pixels_are_nan():
    vit = tiny(img_size=(36, 52), dtype=torch.float32)
    back = interpret.upsample(np.ones((4, 6)), Image.new("RGB", (52, 36)), vit)
    assert np.isnan(back[32:]).all()
    assert np.isnan(back[:, 48:]).all()
    assert_close(torch.from_numpy(back[:32, :48]), torch.ones(32, 48))
    mask = np.zeros((4, 6), dtype=bool)
    mask[1, 2] = True
    assert set(np.unique(interpret.upsample(mask, Image.new("RGB", (48, 32))))) == {0.0, 1.0}


def test_a_picture_at_once(photo):
    vit = interpret.load(live(), classes=("ant", "bee", "cat", "dog", "elk"))
    figure = interpret.show(vit, [photo, photo.rotate(90, expand=True)], ["rollout", "relevance"], target="cat")
    assert [ax.get_title() for ax in figure.axes[:3]] == [
        "",
        "rollout\nsame for every class",
        "relevance\nexplains cat",
    ]
    assert figure.axes[0].get_images()[0].get_array().shape == (300, 451, 3)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    assert len(buffer.getvalue()) > 10_000


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_picture_of_a_trace(photo, rows, columns):
    """Of what the model saw, or on the photographs; panels of a row lie beside each other, nothing is cut off."""
    vit, names = interpret.load(live()), ["rollout", "relevance", "grad_cam"][:columns]
    pictures = [photo, photo.rotate(90, expand=True), photo.crop((0, 0, 90, 80))][:rows]
    trace = interpret.trace(vit, pictures, keep=["relevance", "rollout"])
    for images, shape in ((None, (32, 48, 3)), (pictures, (300, 451, 3))):
        figure = interpret.show(trace, images, names)
        figure.savefig(io.BytesIO())
        grid = np.array(figure.axes[: rows * (columns + 1)]).reshape(rows, columns + 1)
        assert grid[0, 0].get_images()[0].get_array().shape == shape
        for row in grid:
            assert len({round(ax.get_window_extent().y0) for ax in row}) == 1
        box = figure.get_tightbbox()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.get_figwidth()
        assert box.y1 <= figure.get_figheight()
    again = interpret.show(vit, pictures, names)
    for ax, other in zip(figure.axes, again.axes, strict=True):
        for image, twin in zip(ax.get_images(), other.get_images(), strict=True):
            assert np.array_equal(image.get_array(), twin.get_array())


def test_verification_takes_whatever_holds_images(photo):
    vit = interpret.load(live(), mechanism="svda")
    found = interpret.verify_intervention(vit, lambda: interpret.threshold(vit, 0.1), [photo, photo.rotate(90)])
    assert found["images"].tolist() == [2]
    assert interpret.verify_retention(vit, photo)["images"].tolist() == [1, 1]


def test_models_of_one_name_are_apart_in_a_survey(photo):
    vit = interpret.load(live(), name="a")
    assert set(interpret.survey([vit, vit], photo, "sparsity")["model"]) == {"a (1)", "a (2)"}


def test_registries_say_what_is_in_them():
    assert repr(interpret.ATTRIBUTIONS).startswith("6 attributions: cls_attention, grad_cam, ")
    assert "<code>rollout</code></td><td>attention rollout</td>" in interpret.ATTRIBUTIONS._repr_html_()
    assert interpret.ATTRIBUTIONS.get("nope") is None
    assert "<th>attribution</th><th>label</th><th>reference</th></tr>" in interpret.ATTRIBUTIONS._repr_html_()
    for registry in (interpret.FIGURES, interpret.DATASETS, interpret.INTERVENTIONS, interpret.INDICATORS):
        page = registry._repr_html_()
        assert page.count("<td>") == len(registry) * page.count("<th>")

"""Files of every family against the library that they are of: every parameter moved, grids never square."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
import transformers
from torch import Tensor, nn

from interpret.models.loaded_model import LoadedModel
from interpret.models.loading import load

SIZE, PATCH, WIDTH, HEADS, DEPTH = (32, 48), 8, 48, 3, 2
HF = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": HEADS, "image_size": SIZE}
HF |= {"patch_size": PATCH}
MLP = {"intermediate_size": 80}
LABELS = {"id2label": {0: "ant", 1: "bee", 2: "cat", 3: "dog"}}
TEXT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9}


def moved(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model in fp64 with every parameter moved: biases, norms and scales too, so that none is neutral.

    They are multiples of 2^-10, so that fp32 holds them, and sums of two, without rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.double().named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            start = 1.0 if "lambda" in name or "gamma" in name else 0.0 if parameter.ndim > 1 else parameter
            parameter.copy_(((start + (0.2 if parameter.ndim > 1 else 0.05) * noise) * 1024).round() / 1024)
    return model.eval()


def images(size: tuple[int, int] = SIZE) -> Tensor:
    return torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def same(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Equal relative to the largest, where something is there to be equal."""
    assert found.shape == expected.shape
    assert expected.std() > 1e-3, "a constant output proves nothing"
    assert float((found - expected).abs().max() / expected.abs().max()) <= tolerance


def forward(loaded: LoadedModel, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Final features and outputs, in fp64."""
    model = loaded.model.double()
    with torch.no_grad():
        return model.forward_features(pixels), model(pixels)


def hugging_face(model: type, config: Any) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return moved(model(config))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.contiguous() for key, tensor in model.state_dict().items()}


def pretrained(model: nn.Module, folder: Path) -> Path:
    """As transformers 4 wrote it and transformers 5 still writes it: a folder of other names than the module's."""
    with warnings.catch_warnings(action="ignore"):
        model.save_pretrained(folder)
    return folder


VISION: dict[str, Callable[[], nn.Module]] = {
    "ViT": lambda: hugging_face(transformers.ViTForImageClassification, transformers.ViTConfig(**HF, **MLP, **LABELS)),
    "ViT, ReLU": lambda: hugging_face(
        transformers.ViTForImageClassification, transformers.ViTConfig(**HF, **MLP, **LABELS, hidden_act="relu")
    ),
    "ViT, no bias": lambda: hugging_face(
        transformers.ViTForImageClassification, transformers.ViTConfig(**HF, **MLP, **LABELS, qkv_bias=False)
    ),
    "DeiT": lambda: hugging_face(
        transformers.DeiTForImageClassification, transformers.DeiTConfig(**HF, **MLP, **LABELS)
    ),
    "DeiT, distilled": lambda: hugging_face(
        transformers.DeiTForImageClassificationWithTeacher, transformers.DeiTConfig(**HF, **MLP, **LABELS)
    ),
    "DINOv2": lambda: hugging_face(
        transformers.Dinov2ForImageClassification, transformers.Dinov2Config(**HF, **LABELS)
    ),
    "DINOv2, gated": lambda: hugging_face(
        transformers.Dinov2ForImageClassification, transformers.Dinov2Config(**HF, **LABELS, use_swiglu_ffn=True)
    ),
    "DINOv2, registers": lambda: hugging_face(
        transformers.Dinov2WithRegistersForImageClassification,
        transformers.Dinov2WithRegistersConfig(**HF, **LABELS),
    ),
    "CLIP": lambda: hugging_face(
        transformers.CLIPForImageClassification,
        transformers.CLIPConfig(vision_config=HF | MLP, text_config=TEXT, **LABELS),
    ),
    "SigLIP": lambda: hugging_face(
        transformers.SiglipForImageClassification,
        transformers.SiglipConfig(vision_config=HF | MLP, text_config=TEXT, **LABELS),
    ),
}
QUICK = {"ViT", "DINOv2, registers", "CLIP", "SigLIP"}
SQUARE = {"CLIP", "SigLIP", "DINOv2", "DINOv2, gated", "DINOv2, registers"}
"""Their position embedding is of a square in transformers, and resampled for what is none."""

each = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in VISION]
)


def built(name: str) -> nn.Module:
    HF["image_size"] = 40 if name in SQUARE else SIZE
    return VISION[name]()


@each
@pytest.mark.parametrize("form", ["folder", "state dict"])
def test_transformers_computes_the_same(name, form, tmp_path):
    model = built(name)
    if form == "folder":
        found = load(pretrained(model, tmp_path), img_size=SIZE)
        assert found.spec.classes == ("ant", "bee", "cat", "dog")
        assert not any("heads" in line or "eps" in line for line in found.assumed)
    else:
        torch.save(state(model), tmp_path / "model.pt")
        act = {"ReLU": "relu", "CLIP": "quick_gelu"}.get(name.removeprefix("ViT, "))
        found = load(tmp_path / "model.pt", heads=HEADS, img_size=SIZE, activation=act)
    in_fp64 = {"interpolate_pos_encoding": True} if name in ("CLIP", "SigLIP") else {}  # timm resamples in fp32
    with torch.no_grad():
        expected = model(images(), **in_fp64).logits
    same(forward(found, images())[1], expected, 1e-7 if in_fp64 else 1e-9)
    assert any("resampled from 5 x 5 to 4 x 6" in line for line in found.assumed) == (name in SQUARE)


HEADLESS = {
    "ViT": (transformers.ViTModel, transformers.ViTConfig, MLP, "last_hidden_state"),
    "DINOv2": (transformers.Dinov2Model, transformers.Dinov2Config, {}, "last_hidden_state"),
    "CLIP": (transformers.CLIPVisionModel, transformers.CLIPVisionConfig, MLP, "pooler_output"),
    "CLIP, projected": (
        transformers.CLIPVisionModelWithProjection, transformers.CLIPVisionConfig, MLP | {"projection_dim": 20},
        "image_embeds",
    ),
    "SigLIP": (transformers.SiglipVisionModel, transformers.SiglipVisionConfig, MLP, "pooler_output"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADLESS)
def test_features_without_classes(name, tmp_path):
    kind, config, more, output = HEADLESS[name]
    model = hugging_face(kind, config(**(HF | more | {"image_size": 40})))
    found = load(pretrained(model, tmp_path))
    with torch.no_grad():
        expected = getattr(model(images((40, 40))), output)
    features, pooled = forward(found, images((40, 40)))
    same(features if output == "last_hidden_state" else pooled, expected)
    assert (found.model.num_classes, found.spec.classes, found.img_size) == (0, (), (40, 40))


def test_what_lies_beside_the_weights_says_how_they_are_used(tmp_path):
    model = hugging_face(transformers.ViTForImageClassification, transformers.ViTConfig(**HF, **MLP, **LABELS))
    pretrained(model, tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "do_normalize": True})
    )
    found = load(tmp_path)
    assert (found.spec.mean, found.spec.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert found.assumed[-1].startswith("mechanism softmax assumed")
    assert load(tmp_path, mean=[0.5] * 3, eps=1e-3).spec.mean == (0.5,) * 3
    assert load(tmp_path, eps=1e-3).spec.architecture["norm_eps"] == 1e-3


def vision_transformer(**options: Any) -> nn.Module:
    return moved(torchvision.models.vision_transformer.VisionTransformer(48, 16, DEPTH, HEADS, WIDTH, 80, **options))


@pytest.mark.parametrize("head", ["its own", "replaced", pytest.param("two layers", marks=pytest.mark.long)])
def test_torchvision_computes_the_same(head, tmp_path):
    model = vision_transformer(num_classes=5, representation_size=20 if head == "two layers" else None)
    if head == "replaced":
        model.heads = moved(nn.Linear(WIDTH, 3), seed=2)
    torch.save({"net": state(model)}, tmp_path / "model.pt")
    found = load(tmp_path / "model.pt", heads=HEADS)
    with torch.no_grad():
        same(forward(found, images((48, 48)))[1], model(images((48, 48))))
    assert "keys of torchvision's VisionTransformer renamed" in found.assumed


@pytest.mark.data
def test_the_pretrained_dinov2_of_transformers_at_224_pixels(data_root):
    folder = data_root / "dinov2-small"
    found = load(folder, img_size=224)
    assert (found.depth, found.heads, found.grid.rows, found.grid.cols) == (12, 6, 16, 16)
    assert (found.spec.mean, found.spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with warnings.catch_warnings(action="ignore"):
        model = transformers.Dinov2Model.from_pretrained(folder, dtype=torch.float32).double().eval()
    with torch.no_grad():
        expected = model(images((224, 224))).last_hidden_state
    same(forward(found, images((224, 224)))[0], expected, 1e-6)  # the position embedding is resampled in fp32

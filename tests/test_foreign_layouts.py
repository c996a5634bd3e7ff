"""Layouts of training code, folders and shards, heads of several layers, other grids, and families that are refused."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import peft
import pytest
import safetensors.torch
import timm
import torch
from PIL import Image, ImageDraw
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

import interpret
from interpret.figures import FIGURES
from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.models.families import FAMILIES
from interpret.models.loading import load
from interpret.models.weights import INDEX
from interpret.report.stills import stills
from tests.modules import LIBRARIES, OWN
from tests.test_families import forward, images, moved, same, state
from tests.test_foreign import GIVEN, chunked, outputs, prefixed, refused, saved, vit


def with_mask(raw):
    return raw | {"mask_token": torch.zeros(1, 48)}


def mae(raw):
    decoder = {f"decoder_blocks.0.{name}": torch.ones(8, 8) for name in ("attn.qkv.weight", "mlp.fc1.weight")}
    decoder |= {"decoder_embed.weight": torch.ones(8, 48), "decoder_pos_embed": torch.ones(1, 25, 8)}
    return {"model": raw | decoder | {"mask_token": torch.ones(1, 1, 8)}}


def clip(raw):
    """OpenAI's names; the head is what projects into the space shared with text, from the left."""
    pairs = [
        ("cls_token", "class_embedding"), ("pos_embed", "positional_embedding"), ("patch_embed.proj.", "conv1."),
        ("norm_pre.", "ln_pre."), ("blocks.", "transformer.resblocks."), ("norm1", "ln_1"), ("norm2", "ln_2"),
        ("attn.qkv.", "attn.in_proj_"), ("attn.proj.", "attn.out_proj."), ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ]  # fmt: skip
    renamed = {}
    for key, tensor in raw.items():
        name = key
        for mine, theirs in pairs:
            name = name.replace(mine, theirs)
        renamed[name.replace("norm.", "ln_post.") if name.startswith("norm.") else name] = tensor
    renamed |= {"class_embedding": raw["cls_token"][0, 0], "positional_embedding": raw["pos_embed"][0]}
    renamed |= {"proj": renamed.pop("head.weight").T.contiguous()}
    del renamed["head.bias"]
    return prefixed("visual.", renamed) | {"logit_scale": torch.ones(()), "text_projection": torch.ones(4, 4)}


def test_what_is_said_of_a_named_backbone_is_computed(tmp_path):
    given = {"backbone": "test_vit", "activation": "relu", "eps": 1e-3}
    own = timm.create_model("test_vit", num_classes=4)
    found = load(saved(state(own), tmp_path), **given).model
    assert isinstance(found.blocks[0].mlp.act, nn.ReLU)
    assert (found.norm.eps, found.blocks[0].norm1.eps) == (1e-3, 1e-3)


def test_an_index_that_names_itself_is_one_line(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": index.name}}))
    with pytest.raises(InterpretError, match="names shards outside its own folder, or an index; they lie beside it"):
        load(index)


def test_what_a_pre_training_has_beside_the_encoder_is_named(tmp_path):
    found = load(saved(mae(state(vit(num_classes=0))), tmp_path), **GIVEN)
    [said] = [line for line in found.assumed if "left out" in line]
    assert said.startswith("5 tensors that its features do not use left out: decoder_blocks.0.attn.qkv.weight, deco")


def without_bias(model):
    model.head.bias.data.zero_()
    return model


LAYOUTS = {
    "DINOv2, released": (lambda: vit(init_values=1.0, num_classes=0), with_mask, {}),
    "DINOv2, in chunks": (
        lambda: vit(init_values=1.0, num_classes=0),
        lambda raw: {"teacher": prefixed("backbone.", chunked(with_mask(raw)))}, {},
    ),
    "DINOv2, gated": (
        lambda: vit(init_values=1.0, num_classes=0, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU),
        lambda raw: {
            key.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): with_mask(raw)[key]
            for key in with_mask(raw)
        }, {},
    ),
    "MAE": (lambda: vit(num_classes=0), mae, {}),
    "DeiT III": (
        lambda: vit(init_values=1.0, no_embed_class=True),
        lambda raw: {key.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"): raw[key] for key in raw}, {},
    ),
    "CLIP of OpenAI": (
        lambda: without_bias(vit(pre_norm=True, act_layer="quick_gelu", norm_layer=nn.LayerNorm)), clip,
        {"activation": "quick_gelu"},
    ),
    "CLIP of timm": (
        lambda: vit(pre_norm=True, act_layer="quick_gelu", norm_layer=nn.LayerNorm), lambda raw: raw,
        {"activation": "quick_gelu"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_training_code_compute_the_same(name, tmp_path):
    build, layout, given = LAYOUTS[name]
    model = build()
    found = load(saved(layout(state(model)), tmp_path), **GIVEN, **given)
    features, logits = forward(found, images())
    with torch.no_grad():
        same(features, model.forward_features(images()))
    same(logits, outputs(model))


OF_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OF_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
FAMILY_STATISTICS = {
    "pre-trained MAE": (lambda: mae(state(vit(num_classes=0))), OF_IMAGENET, {}),
    "DINOv2": (lambda: with_mask(state(vit(num_classes=0))), OF_IMAGENET, {}),
    "CLIP": (lambda: clip(state(vit(pre_norm=True))), OF_CLIP, {"activation": "quick_gelu"}),
}


@pytest.mark.parametrize("label", FAMILY_STATISTICS)
def test_a_family_that_was_trained_on_one_input_knows_its_statistics(label, tmp_path):
    build, statistics, given = FAMILY_STATISTICS[label]
    model = load(saved(build(), tmp_path), **GIVEN | given)
    assert (model.spec.mean, model.spec.std) == statistics
    assert model.assumed[-1] == f"mean {statistics[0]} and std {statistics[1]} as of {label}"
    assert load(saved(build(), tmp_path), **GIVEN | given, mean=[0.5] * 3, std=[0.5] * 3).spec.mean == (0.5,) * 3


def test_a_live_module_of_such_a_family_knows_them_too_and_another_assumes_aloud(caplog):
    model = interpret.load(LIBRARIES["torchvision"]())
    assert (model.spec.mean, model.spec.std) == OF_IMAGENET
    assert f"mean {OF_IMAGENET[0]} as of torchvision's VisionTransformer" in model.assumed
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert "mean (0.5, 0.5, 0.5) assumed" in interpret.load(OWN["by hand"]()).assumed
    assert "Own: mean (0.5, 0.5, 0.5) assumed" in caplog.messages


def test_registers_of_dinov2_have_no_position(tmp_path):
    model = vit(init_values=1.0, reg_tokens=4, no_embed_class=True, num_classes=0)
    raw = with_mask(state(model))
    with torch.no_grad():
        position = torch.randn(1, 1, 48).double().mul(1024).round() / 1024
    raw["pos_embed"] = torch.cat([position, raw["pos_embed"]], dim=1)
    raw["cls_token"] = raw["cls_token"] - position
    raw["register_tokens"] = raw.pop("reg_token")
    found = load(saved(raw, tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))
    assert found.grid.prefix == 5


@pytest.mark.parametrize("name", ["CLIP of OpenAI", "CLIP of timm"])
def test_clip_is_never_another_function(name, tmp_path):
    build, layout, _ = LAYOUTS[name]
    refused(
        layout(state(build())), tmp_path, "a CLIP, and no key tells its activation; pass activation= (--activation)"
    )


def test_a_projection_is_no_classifier(tmp_path):
    build, layout, given = LAYOUTS["CLIP of OpenAI"]
    found = load(saved(layout(state(build())), tmp_path), **GIVEN, **given)
    assert found.model.num_classes == 0


class Headed(nn.Module):
    """A backbone and a head of one's own."""

    def __init__(self, head: nn.Module, pool: str = "token") -> None:
        super().__init__()
        self.backbone, self.classifier, self.pool = vit(num_classes=0), moved(head, seed=3), pool

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.backbone.forward_features(pixels)
        pooled = torch.cat([features[:, 0], features[:, 1:].mean(dim=1)], dim=1) if self.pool else features[:, 0]
        return self.classifier(pooled)


HEADS = {
    "LayerNorm, Linear": (lambda: nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 5)), None),
    "Dropout, Linear": (lambda: nn.Sequential(nn.Dropout(), nn.Linear(48, 5)), None),
    "no bias": (lambda: nn.Linear(48, 5, bias=False), None),
    "two layers": (
        lambda: nn.Sequential(nn.Linear(48, 20), nn.GELU(), nn.Dropout(), nn.Linear(20, 5)), "gelu",
    ),
    "nothing but dropout between": (
        lambda: nn.Sequential(nn.Linear(48, 20), nn.Dropout(), nn.Linear(20, 5)), "none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_a_known_form_is_kept(name, tmp_path):
    head, activation = HEADS[name]
    model = Headed(head(), pool="").eval()
    path = saved(state(model), tmp_path)
    found = load(path, **GIVEN, head_activation=activation)
    same(forward(found, images())[1], outputs(model))
    assert found.model.num_classes == 5
    if activation:
        refused(state(model), tmp_path, "no key tells what stands between 0 and", head_activation=None)


def test_a_head_inside_the_vit_is_kept(tmp_path):
    model = vit()
    model.head = moved(nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 3)), seed=3)
    found = load(saved(state(model), tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))
    assert "eps 1e-05 of the LayerNorm of its head assumed" in found.assumed


def test_the_layer_before_the_head_of_old_timm_is_kept(tmp_path):
    model, layer = vit(), moved(nn.Linear(48, 48), seed=4)
    found = load(saved(state(model) | prefixed("pre_logits.fc.", state(layer)), tmp_path), **GIVEN)
    with torch.no_grad():
        expected = model.head(layer(model.forward_features(images())[:, 0]).tanh())
    same(forward(found, images())[1], expected)
    assert not any("dropout" in line for line in found.assumed)


def test_what_was_read_is_saved_and_read_again(tmp_path):
    """Activation, eps, pruned heads and a head of several layers are of the specification."""
    model = Headed(nn.Sequential(nn.Linear(48, 20), nn.Tanh(), nn.Linear(20, 5)), pool="").eval()
    given = {"head_activation": "tanh", "activation": "relu", "eps": 1e-3}
    found = load(saved(state(model), tmp_path), **GIVEN, **given)
    interpret.save(tmp_path / "own.pt", found)
    expected = forward(found, images())[1]
    same(forward(load(tmp_path / "own.pt"), images())[1], expected)
    assert float((expected - outputs(model)).abs().max()) > 1e-3, "another activation is another function"


UNKNOWN_HEADS = {
    "BatchNorm": (
        lambda: nn.Sequential(nn.BatchNorm1d(48), nn.Linear(48, 5)),
        "head 0 is neither a LayerNorm nor a linear layer of 48 inputs",
    ),
    "of twice the width": (lambda: nn.Linear(96, 5), "head is neither a LayerNorm nor a linear layer of 48 inputs"),
    "of other names": (
        lambda: nn.ModuleDict({"left": nn.Linear(48, 5), "right": nn.Linear(48, 5)}),
        "the form of its head is not known (left, right); load the module itself",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN_HEADS)
def test_a_head_of_no_known_form_is_refused_not_dropped(name, tmp_path):
    head, message = UNKNOWN_HEADS[name]
    tensors = prefixed("backbone.", state(vit(num_classes=0))) | prefixed("classifier.", head().state_dict())
    refused(tensors, tmp_path, message)


def test_of_two_heads_none_is_guessed(tmp_path):
    heads = {"fc.weight": torch.ones(5, 48), "classifier.weight": torch.ones(3, 48)}
    refused(
        prefixed("backbone.", state(vit(num_classes=0))) | heads, tmp_path, "2 heads lie beside the backbone (fc, c"
    )


def test_a_linear_head_of_dinov2_reads_cls_and_the_mean(tmp_path):
    model = Headed(nn.Linear(96, 5))
    tensors = prefixed("backbone.", with_mask(state(model.backbone))) | prefixed(
        "linear_head.", state(model.classifier)
    )
    found = load(saved(tensors, tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))


def test_another_grid_is_resampled_where_it_is_asked_for(tmp_path):
    model = moved(VisionTransformer(img_size=40, patch_size=8, embed_dim=48, depth=2, num_heads=3, num_classes=5))
    found = load(saved(state(model), tmp_path), heads=3, img_size=(32, 48))
    model.float().set_input_size(img_size=(32, 48))
    same(forward(found, images())[1], outputs(model.double()))
    assert "position embedding resampled from 5 x 5 to 4 x 6 patches" in found.assumed
    refused(
        state(vit()), tmp_path, "do not fit img_size (48, 48) in patches (8, 8), and of no square", img_size=(48, 48)
    )


SQUARE = (
    "img_size (256, 256) assumed, 16 x 16 patches: no file tells a square from another grid of as many, such as 8 x "
    "32; if it was trained on that, pass img_size=(128, 512) (--img-size 128 512)"
)


def test_a_grid_of_as_many_patches_as_a_square_is_said_and_loads_where_it_is_named(tmp_path, caplog):
    model = vit(img_size=(128, 512), patch_size=16, depth=1)
    path = saved(state(model), tmp_path)
    found = load(path, heads=3)
    assert (found.img_size, found.grid.rows, found.grid.cols) == ((256, 256), 16, 16)
    assert SQUARE in found.assumed
    assert f"model.pt: {SQUARE}" in caplog.messages, "a line of its own"
    found = load(path, heads=3, img_size=(128, 512))
    with torch.no_grad():
        same(forward(found, images((128, 512)))[1], model(images((128, 512))))
    assert (found.grid.rows, found.grid.cols) == (8, 32)
    assert "position embedding taken as that of 8 x 32 patches, as img_size= says, not of a square" in found.assumed
    assert not any("assumed" in line for line in found.assumed if "img_size" in line)


def test_a_report_of_a_wide_input_is_not_stretched(tmp_path):
    """What is round in a photograph is round in the study and in its figure, and the page has pictures as wide."""
    found = load(saved(state(vit(img_size=(96, 160), patch_size=16)), tmp_path), heads=3, img_size=(96, 160))
    photo = Image.new("RGB", (640, 360))
    ImageDraw.Draw(photo).ellipse((240, 100, 400, 260), "white")
    study = interpret.run_study(found, [photo], attributions="rollout", indicators="sparsity", sweeps=[])
    assert study.arrays["map/0/rollout"].shape == (1, 6, 10)
    panel = FIGURES["overlay_grid"].draw(study)["overlay_grid_rollout"].axes[0]
    assert panel.get_aspect() == 1
    for picture in (study.images[0], panel.get_images()[0].get_array()):
        disc = np.asarray(picture)[..., 0] > 128
        assert picture.shape[0] / picture.shape[1] == 96 / 160
        assert abs(disc.any(axis=0).sum() / disc.any(axis=1).sum() - 1) < 0.05
    still = stills(study)[0]["panels"][0]["src"].partition("base64,")[2]
    width, height = Image.open(io.BytesIO(base64.b64decode(still))).size
    assert width == round(height * 160 / 96)


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards_are_joined(kind, tmp_path):
    model = vit()
    raw, names = state(model), [f"model-0000{part}-of-00002.{kind}" for part in (1, 2)]
    placed = {key: names[number % 2] for number, key in enumerate(raw)}
    for name in names:
        part = {key: tensor for key, tensor in raw.items() if placed[key] == name}
        (safetensors.torch.save_file if kind == "safetensors" else torch.save)(part, tmp_path / name)
    index = tmp_path / f"{'model' if kind == 'safetensors' else 'pytorch_model'}.{kind}{INDEX}"
    index.write_text(json.dumps({"weight_map": placed}))
    whole = load(tmp_path, **GIVEN)
    same(forward(whole, images())[1], outputs(model))
    assert load(index, **GIVEN).sha256 == whole.sha256
    with pytest.raises(CheckpointError, match="one of 2 shards; name its folder"):
        load(tmp_path / names[0], **GIVEN)
    (tmp_path / names[1]).unlink()
    with pytest.raises(CheckpointError, match=f"{names[1]}: no such file; "):
        load(tmp_path, **GIVEN)
    index.write_text(json.dumps({"weight_map": {"a": "../elsewhere.bin"}}))
    with pytest.raises(CheckpointError, match="names shards outside its own folder"):
        load(tmp_path, **GIVEN)
    index.write_text("[]")
    with pytest.raises(CheckpointError, match="no index of shards; expected a weight_map"):
        load(tmp_path, **GIVEN)


def timm_folder(tmp_path: Path, config: str | bytes) -> Path:
    model = timm.create_model("test_vit", img_size=(96, 64), num_classes=3)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(config if isinstance(config, bytes) else config.encode())
    return tmp_path


TIMM = {"architecture": "test_vit", "num_classes": 3, "label_names": ["a", "b", "c"]}
TIMM |= {"pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.9, 0.8, 0.7]}, "model_args": {"img_size": [96, 64]}}


def test_all_of_a_timm_folder_is_used(tmp_path):
    found = load(timm_folder(tmp_path, json.dumps(TIMM)))
    assert (found.img_size, found.spec.classes) == ((96, 64), ("a", "b", "c"))
    assert (found.spec.mean, found.spec.std) == ((0.1, 0.2, 0.3), (0.9, 0.8, 0.7))
    assert not any("mean" in line for line in found.assumed)
    assert load(tmp_path, mean=[0.5] * 3).spec.mean == (0.5,) * 3


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "{broken",
        b"\xff\xfe\x00",
        json.dumps({"architecture": 5}),
        json.dumps(TIMM | {"pretrained_cfg": {"mean": "no"}}),
        json.dumps(TIMM | {"model_args": {"checkpoint_path": "other.pth"}}),
        json.dumps({"model_type": "vit", "id2label": {"x": "y"}}),
        json.dumps({"model_type": "vit", "hidden_act": "swoosh"}),
        json.dumps({"model_type": "vit", "image_size": "large"}),
    ],
)
def test_a_configuration_that_is_none_is_one_line(config, tmp_path):
    with pytest.raises(InterpretError) as caught:
        load(timm_folder(tmp_path, config))
    assert str(caught.value).startswith(f"{tmp_path / 'config.json'}")
    assert "\n" not in str(caught.value)


def lora():
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["qkv"], modules_to_save=["head"])
    return peft.get_peft_model(vit(), config)


def test_an_adapter_is_to_be_merged_first(tmp_path):
    adapted = moved(lora())
    refused(state(adapted), tmp_path, "merge it first: merged = model.merge_and_unload()")
    adapted.save_pretrained(tmp_path / "adapter")
    for path in (tmp_path / "adapter", tmp_path / "adapter" / "adapter_model.safetensors"):
        with pytest.raises(InterpretError, match=r"adapter.* merge it first: merged = model\.merge_and_unload"):
            load(path)
    expected = outputs(adapted)
    found = load(saved(adapted.merge_and_unload().state_dict(), tmp_path), **GIVEN)
    assert float((forward(found, images())[1] - expected).abs().max()) < 1e-5


MAE_PYTORCH = {"blocks.0.attn.q_bias": 1, "blocks.0.attn.v_bias": 1, "blocks.0.attn.qkv.weight": 1}
MAE_PYTORCH |= {"patch_embed.proj.weight": 1, "blocks.0.mlp.fc1.weight": 1, "blocks.0.norm1.weight": 1}


def of_timm(name):
    with torch.device("meta"):
        model = timm.create_model(name)
    return {key: torch.zeros(2) for key in model.state_dict()}


def packed():
    """As PyTorch packs linear layers to whole numbers."""
    return torch.ao.quantization.quantize_dynamic(vit().float(), {nn.Linear}, torch.qint8).state_dict()


REFUSED = {
    "beit": lambda: of_timm("beit_base_patch16_224"),
    "swin": lambda: of_timm("swin_tiny_patch4_window7_224"),
    "rotary": lambda: of_timm("vit_small_patch16_dinov3"),
    "monai": lambda: {"patch_embedding.patch_embeddings.weight": 1, "blocks.0.mlp.linear1.weight": 1},
    "jeonsworld": lambda: prefixed(
        "transformer.", {"embeddings.patch_embeddings.weight": 1, "encoder.layer.0.attn.query.weight": 1}
    ),
    "vit_pytorch": lambda: {"to_patch_embedding.1.weight": 1, "transformer.layers.0.0.fn.to_qkv.weight": 1},
    "adapter": lambda: {"base_model.model.blocks.0.attn.qkv.lora_A.weight": 1},
    "quantised": lambda: state(vit()) | {"blocks.0.mlp.fc1._packed_params._packed_params": 1},
}
ALSO_REFUSED = {
    "rotary": [
        lambda: of_timm("eva02_large_patch14_224"),
        lambda: of_timm("vit_pe_core_base_patch16_224"),
        lambda: state(vit()) | {"storage_tokens": 1, "rope_embed.periods": 1, "blocks.0.attn.qkv.bias_mask": 1},
    ],
    "beit": [
        lambda: of_timm("vit_relpos_small_patch16_224"),
        lambda: of_timm("eva_giant_patch14_224"),
        lambda: MAE_PYTORCH | {"fc_norm.weight": 1, "head.weight": 1},
        lambda: prefixed("encoder.", MAE_PYTORCH) | {"decoder.blocks.0.attn.q_bias": 1, "mask_token": 1},
    ],
    "swin": [lambda: of_timm("pvt_v2_b0")],
    "monai": [lambda: {"net.patch_embedding.patch_embeddings.1.weight": 1, "net.blocks.0.mlp.linear1.weight": 1}],
    "vit_pytorch": [
        lambda: {"patch_to_embedding.weight": 1, "transformer.layers.0.0.fn.fn.to_qkv.weight": 1},
        lambda: {"to_patch_embedding.2.weight": 1, "transformer.layers.0.0.to_qkv.weight": 1, "linear_head.weight": 1},
    ],
    "quantised": [packed],
}


def test_every_family_that_is_refused_is_refused_here():
    assert {name for name, family in FAMILIES.items() if family.refused} == set(REFUSED)


@pytest.mark.filterwarnings("ignore:torch.ao.quantization", "ignore:torch.quantize_per_tensor", "ignore:.*TypedStorage")
@pytest.mark.parametrize(
    ("name", "build"), [*REFUSED.items(), *((name, each) for name in ALSO_REFUSED for each in ALSO_REFUSED[name])]
)
def test_a_family_that_timm_does_not_compute_is_named(name, build, tmp_path):
    family = FAMILIES[name]
    assert family.refused
    content = {key: torch.zeros(2) if isinstance(value, int) else value for key, value in build().items()}
    refused(
        {"state_dict": content}, tmp_path, f"holds {family.label}, not a plain ViT: {family.refused}; build the mod"
    )


def of_encoder(raw):
    kept = {key: raw[key] for key in raw if not key.startswith("blocks.")}
    return kept | {"transformer.layers.0.self_attn.in_proj_weight": torch.ones(144, 48)}


NO_BLOCKS = "no blocks.0.norm1.weight in it, so its blocks are not those of a plain ViT; load the module itself"
"""Of files that are like timm's but for their blocks."""
BENT = {
    "around nn.TransformerEncoder": (of_encoder, {}, NO_BLOCKS),
    "around nn.TransformerEncoder, with other things": (
        lambda raw: {"model_state": of_encoder(raw), "classes": ["a", "b"], "img_size": 32}, {}, NO_BLOCKS,
    ),
    "a transformer of one's own": (
        lambda raw: {
            "patch_embed.proj.weight": raw["patch_embed.proj.weight"], "pos_embed.pos_embedding": raw["pos_embed"],
            "transformer.0.attn.in_proj_weight": torch.ones(144, 48), "transformer.0.mlp.0.weight": torch.ones(9, 48),
        }, {}, NO_BLOCKS,
    ),
    "names of one's own": (
        lambda raw: {
            "patch_embedding.embed.weight": raw["patch_embed.proj.weight"],
            "transformer_layers.0.attention.in_proj_weight": torch.ones(144, 48),
        }, {},
        "found 'patch_embedding.embed.weight' (tensor 48 x 3 x 8 x 8), 'transformer_layers.0.attention.in_proj_weight' "
        "(tensor 144 x 48); load the module itself: interpret.load(model)",
    ),
    "a linear layer of each head": (
        lambda raw: {
            "model_state": {"encoder.blocks.0.attention.heads.0.query.weight": torch.ones(16, 48)}, "epoch": 3,
        }, {}, "found 'model_state' (dictionary of 1), 'epoch' (int); load the module itself: interpret.load(model)",
    ),
    "a block with a name": (
        lambda raw: {key.replace("blocks.0.", "blocks.first."): raw[key] for key in raw}, {}, NO_BLOCKS,
    ),
    "a block with a name beside the others": (
        lambda raw: raw | {"blocks.first.norm1.weight": torch.ones(48)}, {}, "1 unexpected (blocks.first.norm1.weight)",
    ),
    "a gated MLP that is not DINOv2's": (
        lambda raw: {key.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): raw[key] for key in raw}, {},
        "no blocks.0.mlp.fc1.weight in it, so its blocks are not those of a plain ViT; load the module itself",
    ),
    "linear patches": (
        lambda raw: raw | {"patch_embed.proj.weight": torch.ones(48, 192)}, {},
        "patch_embed.proj.weight has the shape (48, 192); expected 4 axes",
    ),
    "a gated MLP of nobody's": (
        lambda raw: {key.replace("mlp.fc1", "mlp.w12"): raw[key] for key in raw}, {},
        "no blocks.0.mlp.fc1.weight in it",
    ),
    "no positions at all": (
        lambda raw: raw | {"pos_embed": torch.ones(1, 0, 48)}, {}, "pos_embed has the shape (1, 0, 48)",
    ),
    "a token without axes": (lambda raw: raw | {"cls_token": torch.ones(())}, {}, "cls_token has the shape ()"),
    "a block left out": (
        lambda raw: {key.replace("blocks.1.", "blocks.7."): raw[key] for key in raw}, {},
        "no blocks.1 among 2 blocks; the file is incomplete",
    ),
    "sparse": (
        lambda raw: raw | {"blocks.0.mlp.fc1.weight": raw["blocks.0.mlp.fc1.weight"].to_sparse()}, {},
        "blocks.0.mlp.fc1.weight is sparse or holds no numbers",
    ),
    "meta": (lambda raw: {key: raw[key].to("meta") for key in raw}, {}, "is sparse or holds no numbers"),
    "part of a patch": (lambda raw: raw, {"img_size": (33, 48)}, "img_size (33, 48) is no whole number of patches"),
    "one part of a patch": (lambda raw: raw, {"img_size": 65}, "img_size (65, 65) is no whole number of patches"),
    "a size of one number in brackets": (
        lambda raw: raw, {"img_size": (64,)}, "load: img_size=(64,); expected two whole numbers above 0, height before",
    ),
    "no heads": (lambda raw: raw, {"heads": 0}, "load: heads=0; expected a whole number above 0"),
    "another activation": (lambda raw: raw, {"activation": "swoosh"}, "unknown activation 'swoosh'; known are none, "),
    "an activation of a head of one layer": (
        lambda raw: raw, {"head_activation": "gelu"}, "head_activation= has no place, its head is one linear layer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BENT)
def test_what_is_bent_is_one_line(name, tmp_path):
    bend, given, message = BENT[name]
    refused(bend(state(vit())), tmp_path, message, **given)

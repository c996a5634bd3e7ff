"""`python -m interpret inspect`: what is said of a file is what `load` does with it."""

import shlex

import pytest
import transformers

import interpret
from interpret.__main__ import main
from interpret.models.checkpoint import save
from interpret.models.loading import load
from interpret.models.overrides import overrides
from interpret.report.command import parse
from tests.models import tiny
from tests.test_families import HF, LABELS, MLP, hugging_face, pretrained, state
from tests.test_foreign import in_training, prefixed, saved, vit


@pytest.fixture
def inspected(capsys):
    """(label, text) of each line that the command says of its arguments."""

    def inspect(*arguments: object) -> list[tuple[str, str]]:
        assert main(["inspect", *map(str, arguments)]) == 0
        return [(line[:12].strip(), line[12:]) for line in capsys.readouterr().out.splitlines()]

    return inspect


def test_all_of_a_folder_of_transformers_is_said(inspected, tmp_path):
    model = hugging_face(
        transformers.ViTForImageClassification,
        transformers.ViTConfig(**(HF | MLP | LABELS | {"image_size": (32, 48)})),
    )
    said = inspected(pretrained(model, tmp_path))
    told = dict(said)
    assert ", safetensors, 0." in told["file"]
    assert told["holds"] == f"vit: ViT or DeiT of transformers, {len(model.vit.state_dict())} tensors"
    assert told["family"] == "ViT or DeiT of transformers"
    assert told["grid"] == "4 x 6 patches of 8 x 8, input 32 x 48"
    assert told["heads"] == "3 (its folder says so)"
    assert told["classes"] == "4: ant, bee, cat, dog"
    assert told["input"] == "mean (0.5, 0.5, 0.5), std (0.5, 0.5, 0.5) (assumed)"
    assert ("note", "'classifier' taken as the head") in said
    found = load(tmp_path)
    assert found.name == tmp_path.name
    assert tuple(text for label, text in said if label in ("note", "assumed")) == found.assumed


def test_several_are_offered_and_the_command_loads_what_was_inspected(inspected, tmp_path):
    path = saved(in_training(state(vit(num_classes=0))), tmp_path)
    said = inspected(path, "--heads", 3, "--img-size", 32, 48, "--key", "student")
    assert [text for label, text in said if label == "holds"] == [
        "student.module.backbone: timm's VisionTransformer, 30 tensors",
        "teacher.backbone: timm's VisionTransformer, 30 tensors",
    ]
    told = dict(said)
    assert (told["heads"], told["classes"]) == ("3 (as asked)", "none: features alone")
    given = parse(shlex.split(told["load"])[3:])
    assert given.checkpoints == [str(path)]
    assert overrides(given) == {"heads": 3, "img_size": (32, 48), "key": "student"}


def test_what_must_be_said_or_cannot_be_is_a_line_of_its_own(inspected, tmp_path):
    path = saved(prefixed("net.", state(vit())), tmp_path)
    said = inspected(path)
    assert ("refused", "25 position embeddings, 1 prefix tokens: no square grid; pass img_size= (--img-size)") in said
    assert "load" not in dict(said)
    assert dict(inspected(saved({"epoch": 3}, tmp_path)))["refused"].startswith("expected a ViT of a known family (")


def test_a_file_of_this_project_says_it_all_itself(inspected, tmp_path):
    interpret.save(tmp_path / "own.pt", tiny("hard_threshold"))
    told = dict(inspected(tmp_path / "own.pt"))
    assert told["format"].startswith("interpret-vit/1: ")
    assert told["model"] == "tiny: hard_threshold {'tau': 0.03}"


def test_classes_without_names_are_classes(inspected, tmp_path):
    save(tmp_path / "own.pt", tiny(num_classes=7))
    assert dict(inspected(tmp_path / "own.pt"))["classes"] == "7, not named"


def test_one_output_is_a_value_and_no_class(inspected, tmp_path):
    path = saved(state(vit(num_classes=1)), tmp_path)
    assert dict(inspected(path, "--heads", 3, "--img-size", 32, 48))["classes"] == "none: one value, a regression"


def test_what_no_report_takes_is_loaded_in_python(inspected, tmp_path):
    path = saved(state(vit(in_chans=13)), tmp_path)
    said = dict(inspected(path, "--heads", 3, "--img-size", 32, 48))
    assert said["input"] == "mean 0.5 of each of 13 channels, std 0.5 of each of 13 channels (assumed)"
    call, _, why = said["load"].partition(": ")
    assert eval(call, {"interpret": interpret}).channels == 13
    assert why == "a report looks at pictures, and it takes 13 channels"


def test_both_heads_of_a_distilled_model_are_named(inspected, tmp_path):
    config = transformers.DeiTConfig(**(HF | MLP | LABELS))
    model = hugging_face(transformers.DeiTForImageClassificationWithTeacher, config)
    said = inspected(pretrained(model, tmp_path))
    assert ("note", "'cls_classifier' and 'distillation_classifier' taken as the head, the mean of both") in said


def test_a_file_that_is_not_there_is_one_line(capsys, tmp_path):
    assert main(["inspect", str(tmp_path / "no.pt")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("python -m interpret inspect: error: ")

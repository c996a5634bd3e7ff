"""What a model gives: features, one value, classes, labels that may all be right; and what is explained of it."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import transformers
from numpy.testing import assert_allclose
from torch.testing import assert_close

import interpret
from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.interventions.head_pruning import importance
from interpret.models.description import describe
from interpret.models.loaded_model import LoadedModel
from interpret.models.overrides import overrides
from interpret.report.command import main, parser
from interpret.report.summary import models
from interpret.study.predictions import predicted
from tests.models import SMALL, gallery, pictures, tiny

SIZE = ["--img-size", "32", "48", "--heads", "3"]
BY_CLASS = [name for name, entry in ATTRIBUTIONS.items() if entry.class_specific]
ANY_CLASS = [name for name in ATTRIBUTIONS if name not in BY_CLASS]


def test_features_and_one_output_are_told_from_classes():
    assert {count: tiny(num_classes=count).task.name for count in (0, 1, 5)} == {
        0: "features",
        1: "regression",
        5: "classification",
    }
    assert tiny(num_classes=0).anatomy.classes == 24


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_classes_may_be_whole_numbers_of_any_kind(dtype):
    model, images = tiny(), pictures(2)
    trace = interpret.trace(model, images, np.array([1, 2], dtype))
    assert_close(trace.objective(trace.logits), trace.logits[[0, 1], [1, 2]])


@pytest.mark.parametrize("target", [True, np.array([True, False]), np.array(1j)])
def test_what_is_no_number_of_a_class_is_one_line(target):
    with pytest.raises(InterpretError, match="is no class; expected a class number or name"):
        interpret.trace(tiny(), pictures(2), target)


def test_what_transformers_calls_features_is_none_of_classes():
    config = transformers.ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, image_size=32, patch_size=8
    )
    assert interpret.load(transformers.ViTModel(config)).task.name == "features"
    assert interpret.load(transformers.ViTForImageClassification(config)).task.name == "classification"


@pytest.mark.parametrize("name", BY_CLASS)
def test_a_map_of_a_class_is_refused_where_there_is_none(name):
    with pytest.raises(UnsupportedModelError, match="its output is 24 features, and no target says what"):
        interpret.attribute(tiny(num_classes=0), pictures(), name)


@pytest.mark.parametrize("name", ANY_CLASS)
def test_a_map_of_no_class_needs_none(name):
    assert interpret.attribute(tiny(num_classes=0), pictures(), name).isfinite().all()


def test_the_gradient_of_nothing_is_refused_and_the_trace_explains_no_class():
    features = tiny(num_classes=0)
    with pytest.raises(UnsupportedModelError, match="predicts no class"):
        interpret.trace(features, pictures(), keep="gradient")
    trace = interpret.trace(features, pictures())
    assert trace.target is None
    with pytest.raises(InterpretError, match="predicts no class"):
        trace.classes  # noqa: B018 - the property raises


def prototype() -> torch.Tensor:
    return torch.randn(24, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", BY_CLASS)
def test_a_vector_is_the_function_that_multiplies_by_it(name):
    features, vector = tiny(num_classes=0), prototype()
    of_vector = interpret.attribute(features, pictures(), name, target=vector)
    of_function = interpret.attribute(features, pictures(), name, target=lambda output: output @ vector)
    assert of_vector.abs().max() > 0
    assert_close(of_vector, of_function)


@pytest.mark.parametrize("name", BY_CLASS)
def test_the_number_of_a_feature_is_the_function_that_reads_it(name):
    features = tiny(num_classes=0)
    of_number = interpret.attribute(features, pictures(), name, target=17)
    assert_close(of_number, interpret.attribute(features, pictures(), name, target=lambda output: output[:, 17]))
    assert interpret.trace(features, pictures(), 17).classes.tolist() == [17, 17]
    assert features.class_name(17) == "feature 17"


def test_the_gradient_of_a_similarity_is_that_of_autograd():
    features, vector = tiny(num_classes=0), prototype()

    def similarity(output):
        return torch.cosine_similarity(output, vector[None])

    trace = interpret.trace(features, pictures(), similarity, keep=["relevance"])
    slope = torch.autograd.functional.jacobian(lambda output: similarity(output).sum(), trace.logits)
    by_slope = interpret.trace(features, pictures(), slope, keep=["relevance"])
    assert_close(trace.gradient, by_slope.gradient)


@pytest.mark.parametrize(("target", "message"), [(24, r"not one feature in \[0, 24\)"), (torch.ones(5), "each of 24")])
def test_a_target_that_is_none_of_the_features_is_refused(target, message):
    with pytest.raises(InterpretError, match=message):
        interpret.trace(tiny(num_classes=0), pictures(), target)


def test_the_only_output_is_explained_and_its_value_is_shown():
    model = tiny(num_classes=1)
    output = model(pictures())
    assert [answer.worded() for answer in predicted(model, output)] == [f"output {value:.3g}" for value in output[:, 0]]
    trace = interpret.trace(model, pictures(), keep="relevance")
    assert trace.classes.tolist() == [0, 0]
    assert_close(
        trace.gradient, interpret.trace(model, pictures(), lambda output: output[:, 0], keep="relevance").gradient
    )


def studied(model: LoadedModel) -> interpret.Study:
    chosen = {"attributions": ["rollout", "relevance"], "indicators": ["sparsity"], "limit": 3, "sample": 4}
    return interpret.run_study(model, gallery(4, [0, 1, 2, 3]), **chosen, sweeps={"threshold": [0.01]})


def test_a_study_of_features_has_no_class_and_no_probability():
    study = studied(tiny(num_classes=0, dtype=torch.float32))
    table = study.tables["predictions"]
    assert set(table["predicted"]) == set(table["target"]) == set(table["label"]) == {""}
    assert table[["probability", "target_probability", "correct"]].isna().to_numpy().all()
    status = study.tables["maps"].set_index("attribution")["status"]
    assert set(status["rollout"]) == {"ok"}
    assert set(status["relevance"]) == {"no target"}
    assert set(study.tables["sweep"]["quantity"]) == {"active_tokens", "retained_mass", "dead_rows"}
    assert study.models[0]["classes"] == []


def test_a_study_of_one_output_tells_its_value():
    model = tiny(num_classes=1, dtype=torch.float32)
    study = studied(model)
    table = study.tables["predictions"]
    shown = model(model.pixels([example.image for example in gallery(4)]))[:, 0]
    assert set(table["value"].round(4)) <= set(np.round(shown.tolist(), 4))
    assert table[["probability", "target_probability", "correct"]].isna().to_numpy().all()
    swept = study.tables["sweep"].query("quantity == 'value' and strength == 0")
    assert_allclose(swept["mean"], shown.mean().item(), rtol=1e-4)
    assert not {"confidence", "agreement", "accuracy"} & set(study.tables["sweep"]["quantity"])


def words(page: str) -> str:
    """What a reader of a page sees, without its pictures and scripts."""
    return re.sub(r"<[^>]+>|data:[^\"']+", " ", re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL))


@pytest.mark.long
@pytest.mark.parametrize("count", [0, 1])
def test_a_report_speaks_of_no_class_and_no_confidence_where_there_is_none(count, tmp_path, capsys):
    model = timm.create_model("vit_tiny_patch16_224", **SMALL | {"num_classes": count})
    torch.save(model.state_dict(), tmp_path / "model.pt")
    options = ["--attributions", "rollout", "relevance", "--indicators", "sparsity", "--limit", "2", "--sample", "2"]
    assert main([str(tmp_path / "model.pt"), *SIZE, *options, "--out", str(tmp_path / "pack"), "--device", "cpu"]) == 0
    page = words((tmp_path / "pack/report.html").read_text())
    for wrong in (r"class \d", "confidence", "softmax probability", "1\\.00 ", "predict the same class"):
        assert not re.search(wrong, page), wrong
    assert ("features, no classes" if count == 0 else "mean output") in page
    table = pd.read_csv(tmp_path / "pack/tables/predictions.csv")
    assert table["probability"].isna().to_numpy().all()


def test_the_explorer_speaks_of_features_and_explains_one_that_is_chosen():
    ui = interpret.explore(tiny(num_classes=0, dtype=torch.float32), pictures(1).float())
    (target,) = [each for each in ui.menu["controls"] if each["name"] == "target"]
    assert target["label"] == "feature"
    assert [text for text, _ in target["options"]][:2] == ["none", "feature 0"]
    assert "predicts no class" in ui.screen.rows[0].panels[0].lines
    ui.attribution = "relevance"
    assert not re.search(r"class \d", "".join(ui.screen.rows[0].panels[0].lines))
    ui.target = 3
    panel = ui.screen.rows[0].panels[0]
    assert "map explains feature 3" in panel.lines
    assert not isinstance(panel.shown, str)


def test_the_explorer_shows_the_value_of_the_only_output():
    model = tiny(num_classes=1, dtype=torch.float32)
    value = model(pictures(1).float()).item()
    said = interpret.explore(model, pictures(1).float()).screen.rows[0].panels[0].lines
    assert f"predicts output {value:.4g}" in said


def test_a_picture_at_once_says_the_value_and_nothing_of_features():
    pixels = gallery(1)[0].image
    for count, expected in ((0, ""), (1, "output ")):
        figure = interpret.show(tiny(num_classes=count, dtype=torch.float32), pixels)
        assert figure.axes[0].get_xlabel().startswith(expected)
        assert "class" not in figure.axes[0].get_xlabel()


def test_heads_matter_to_no_loss_without_classes():
    with pytest.raises(InterpretError, match="head_pruning does not act on tiny"):
        interpret.sweep(tiny(num_classes=0, dtype=torch.float32), gallery(4), "head_pruning")
    assert describe(tiny(num_classes=0))["task"] == "features"


def multilabel(**options: Any) -> LoadedModel:
    return interpret.load(tiny(dtype=torch.float32).model, task="multilabel", **options)


def test_of_several_labels_each_has_its_own_sigmoid():
    model = multilabel(classes=list("abcde"))
    output = model(pictures(1).float())
    best = int(output[0].argmax())
    [answer] = predicted(model, output)
    assert answer.name == "abcde"[best]
    assert answer.probability == pytest.approx(1 / (1 + np.exp(-output[0, best].item())))


def test_several_classes_are_explained_in_one_call():
    model = multilabel(classes=list("abcde"))
    maps = interpret.attribute(model, pictures().float(), "relevance", targets=["b", 4])
    assert maps.shape == (2, 2, 4, 6)
    for place, target in enumerate((1, 4)):
        assert_close(maps[place], interpret.attribute(model, pictures().float(), "relevance", target=target))
    figure = interpret.show(model, gallery(2)[0].image, ["relevance", "rollout"], targets=["b", "e"])
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["relevance\nexplains b", "relevance\nexplains e", "rollout\nsame for every class"]


@pytest.mark.parametrize("targets", [[], "b", 3])
def test_targets_that_are_no_list_are_refused(targets):
    with pytest.raises(InterpretError, match=r"targets=.*expected a list of what is explained in turn"):
        interpret.attribute(multilabel(), pictures().float(), "relevance", targets=targets)


def test_a_study_of_several_labels_has_sigmoids_and_no_accuracy():
    model = multilabel()
    study = studied(model)
    table = study.tables["predictions"]
    images = model.pixels([example.image for example in gallery(4)])
    expected = model(images).sigmoid().amax(dim=-1).tolist()
    assert all(np.isclose(expected, value).any() for value in table["probability"])
    assert table["correct"].isna().to_numpy().all()
    assert set(table["label"]) <= {f"class {index}" for index in range(4)}
    assert "accuracy" not in set(study.tables["sweep"]["quantity"])
    assert "no accuracy, several classes may be right; mean sigmoid probability" in models(study)[0]["on these images"]


def test_a_task_is_recorded_and_overridden(tmp_path):
    torch.save(tiny(dtype=torch.float32).model.state_dict(), tmp_path / "theirs.pt")
    loaded = interpret.load(tmp_path / "theirs.pt", heads=3, img_size=(32, 48), task="multilabel")
    interpret.save(tmp_path / "own.pt", loaded)
    assert interpret.load(tmp_path / "own.pt").task.name == "multilabel"
    assert interpret.load(tmp_path / "own.pt", task="classification").task.name == "classification"
    given = overrides(parser().parse_args([str(tmp_path / "own.pt"), "--task", "regression"]))
    assert interpret.load(tmp_path / "own.pt", **given).task.name == "regression"
    with pytest.raises(InterpretError, match="unknown task 'multilable'; did you mean 'multilabel'"):
        interpret.load(tmp_path / "own.pt", task="multilable")


def test_what_transformers_calls_the_problem_is_the_task():
    config = transformers.ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, image_size=32, patch_size=8
    )
    config.problem_type = "multi_label_classification"
    assert interpret.load(transformers.ViTForImageClassification(config)).task.name == "multilabel"


def test_a_model_of_several_values_explains_the_one_that_is_named():
    model = interpret.load(tiny(dtype=torch.float32).model, task="regression")
    with pytest.raises(UnsupportedModelError, match="its output is 5 outputs"):
        interpret.attribute(model, pictures().float(), "relevance")
    assert interpret.attribute(model, pictures().float(), "relevance", target=2).isfinite().all()
    assert predicted(model, model(pictures(1).float()))[0].worded() == ""


def test_heads_matter_to_the_cross_entropy_of_every_label():
    model = multilabel()
    images = pictures(3).float()
    found = importance(model, images)
    slope = (model(images) > 0).float() - model(images).sigmoid()
    trace = interpret.trace(model, images, slope, keep=["weights", "gradient"])
    by_hand = (trace.need("weights") * trace.need("gradient")).sum(dim=(-2, -1)).abs().mean(dim=1)
    assert_close(found.float(), torch.nn.functional.normalize(by_hand, dim=-1))

"""Where numbers and words were wrong at their edges: patches that do not divide, models that change, stale results."""

import dataclasses
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import interpret
from interpret.figures import FIGURES
from interpret.figures.drawing import fonts
from interpret.foundation.versions import versions
from interpret.indicators import _spectra
from interpret.mechanisms import MECHANISMS
from interpret.models import tracing
from interpret.models.description import describe
from interpret.models.scopes import observing
from interpret.models.state import state_of
from interpret.report import caveats
from interpret.study import outcomes
from interpret.study.earlier import renewed_settings, renewed_tables
from tests.models import gallery, pictures, tiny
from tests.synthetic import synthetic_study


def test_attention_distance_is_in_pixels_where_patches_do_not_divide_the_input():
    """100 pixels hold 6 patches of 16 and 4 pixels that no patch covers: uniform attention, by hand."""
    model = tiny(img_size=(100, 52), patch_size=16, dtype=torch.float64)
    with torch.no_grad():
        for block in model.model.blocks:
            block.attn.qkv.weight[:48].zero_()
            block.attn.qkv.bias[:48].zero_()
    found = interpret.measure(interpret.trace(model, pictures(1, (100, 52))), "attention_distance")["value"]
    places = np.array([(row * 16, col * 16) for row in range(6) for col in range(3)], dtype=float)
    expected = np.linalg.norm(places[:, None] - places[None], axis=-1).mean()
    assert_allclose(found, expected, rtol=1e-9)


class Tanh(torch.nn.GELU):
    """Another function with the attributes of the one it replaces."""

    def forward(self, input):
        return input.tanh()


def filed(mechanism: str = "softmax"):
    return dataclasses.replace(tiny(mechanism), sha256="of a file")


@pytest.mark.parametrize(
    "change",
    [
        lambda vit: setattr(vit.blocks[0].attn.mechanism, "tau", 0.2),
        lambda vit: setattr(vit.blocks[1].attn, "scale", 0.5),
        lambda vit: vit.head.weight.data.mul_(2),
        lambda vit: setattr(vit.blocks[0].norm1, "eps", 1e-2),
        lambda vit: setattr(vit.blocks[1].mlp, "act", Tanh()),
        lambda vit: setattr(vit.blocks[0].attn, "mechanism", MECHANISMS["soft_threshold"].function(3, 8, tau=0.03)),
    ],
    ids=["tau", "scale", "weight", "epsilon", "module of another type", "other mechanism of the same tau"],
)
def test_whatever_a_forward_pass_uses_is_in_the_fingerprint(change):
    model = filed("hard_threshold")
    before = model.fingerprint
    assert before == filed("hard_threshold").fingerprint
    change(model.model)
    assert model.fingerprint != before


def test_a_store_forgets_a_tau_set_in_place_and_other_code(tmp_path, monkeypatch):
    store, model, data = interpret.Store(tmp_path / "s.sqlite"), filed("hard_threshold"), gallery(3)
    taus = {"taus": [0.0], "store": store, "indicators": ["sparsity"]}
    looks: list[int] = []
    whole = tracing.trace
    monkeypatch.setattr(tracing, "trace", lambda *what, **how: looks.append(1) or whole(*what, **how))
    interpret.tau_sweep(model, data, **taus)
    interpret.tau_sweep(model, data, **taus)
    assert len(looks) == 2
    for block in model.model.blocks:
        block.attn.mechanism.tau = 0.3
    interpret.tau_sweep(model, data, **taus)
    assert len(looks) == 4
    monkeypatch.setattr(outcomes, "sources", lambda: "other code")
    interpret.tau_sweep(model, data, **taus)
    assert len(looks) == 6


CHANGES = {
    "in place": lambda vit: vit.blocks[-1].mlp.fc1.weight.data.add_(0.1),
    "loaded": lambda vit: vit.load_state_dict(tiny("hard_threshold", seed=5).model.state_dict()),
    "trained": lambda vit: torch.optim.SGD([vit.head.weight], lr=0.1).step() or _step(vit),
    "scale": lambda vit: setattr(vit.blocks[0].attn, "scale", 1.0),
    "tau of its mechanism": lambda vit: setattr(vit.blocks[-1].attn.mechanism, "tau", 0.2),
    "module of another type": lambda vit: setattr(vit.blocks[-1].mlp, "act", Tanh()),
    "two rows exchanged": lambda vit: vit.head.weight.data.copy_(vit.head.weight.data[[1, 0, 2, 3, 4]]),
    "one bit": lambda vit: vit.head.bias.data.view(torch.int64)[0].bitwise_xor_(1),
}


def _step(vit: torch.nn.Module) -> None:
    vit(pictures(1)).sum().backward()
    torch.optim.SGD(vit.parameters(), lr=0.1).step()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_trace_of_a_model_that_has_changed_since_is_refused(change):
    model = tiny("hard_threshold")
    trace = interpret.trace(model, pictures(2), keep=["relevance", "perturbation_robustness"])
    interpret.attribute(trace, "grad_cam")
    change(model.model)
    for look in (
        lambda: interpret.attribute(trace, "grad_cam"),
        lambda: interpret.attribute(trace, "layer_grad_cam"),
        lambda: interpret.measure(trace, "perturbation_robustness"),
        lambda: interpret.measure(trace, "effective_rank"),
    ):
        with pytest.raises(interpret.InterpretError, match="tiny was changed after this trace was made"):
            look()
    interpret.attribute(trace, "relevance")  # needs nothing but what was seen


def test_a_sigma_that_learns_on_makes_a_trace_stale():
    model = tiny("svda")
    with interpret.threshold(model, 0.05):
        trace = interpret.trace(model, pictures(2))
    interpret.attribute(trace, "grad_cam")
    model.model.blocks[-1].attn.mechanism.sigma.data.mul_(1.1)
    with pytest.raises(interpret.InterpretError, match="tiny was changed after this trace was made"):
        interpret.attribute(trace, "grad_cam")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_state_of_a_model_does_not_depend_on_the_number_of_threads(dtype):
    layer, states, threads = torch.nn.Linear(999, 1001, dtype=dtype), [], torch.get_num_threads()
    for count in (1, 2, 7):
        torch.set_num_threads(count)
        states.append(state_of(layer, []))
    torch.set_num_threads(threads)
    assert states[0] == states[1] == states[2]


def test_an_intervention_does_not_make_a_trace_stale():
    model = tiny("svda")
    with interpret.threshold(model, 0.05), interpret.sigma_retention(model, 0.5):
        trace = interpret.trace(model, pictures(2))
    assert "under an intervention" in repr(trace)
    interpret.attribute(trace, "grad_cam")
    assert "under an intervention" not in repr(interpret.trace(model, pictures(2)))


def test_rounding_of_fp32_is_no_direction():
    """Attention near collapse: rank one and a little of rank three, rounded to fp32; fp64 says what is there."""
    generator = torch.Generator().manual_seed(0)
    tokens, rank = 65, 3
    uniform = torch.full((1, 1, tokens, tokens), 1 / tokens, dtype=torch.float64)
    left, right = (torch.randn(1, 1, tokens, rank, generator=generator, dtype=torch.float64) for _ in range(2))
    weights = uniform + 3e-7 * (left - left.mean(dim=-2)) @ (right - right.mean(dim=-2)).mT

    def rank_of(values):
        found = _spectra._singular_values(values, centred=True)
        share = found / found.sum(dim=-1, keepdim=True)
        return torch.special.entr(share).sum(dim=-1).exp().item()

    exact, rounded = rank_of(weights), rank_of(weights.float())
    assert exact < rank + 0.01
    assert abs(rounded - exact) < 0.1


def test_one_list_of_versions_names_what_the_numbers_depend_on():
    assert {"python", "interpret-vit", "torch", "timm", "matplotlib", "numpy"} <= set(versions())
    study = interpret.run_study(
        tiny(dtype=torch.float32), gallery(1), attributions=[], indicators=[], sweeps=[], sample=1
    )
    assert study.settings["versions"] == versions()


@pytest.mark.parametrize("asked", [{"indicators": "dead_rows"}, {"attributions": "rollout"}, {}], ids=str)
def test_a_study_without_attributions_or_indicators_is_written(tmp_path, asked):
    asked = {"attributions": [], "indicators": []} | asked
    study = interpret.run_study(tiny(dtype=torch.float32), gallery(2), **asked, sweeps={"threshold": [0.1]}, sample=2)
    assert interpret.write_pack(study, tmp_path / "pack").is_file()


def test_a_dead_gradient_is_one_of_a_class():
    model = tiny(dtype=torch.float32)
    with torch.no_grad():
        model.model.head.weight.zero_()
    study = interpret.run_study(
        model, gallery(1), attributions=["relevance", "grad_cam", "rollout"], indicators=[], sweeps=[], sample=1
    )
    status = study.tables["maps"].set_index("attribution")["status"].to_dict()
    assert status == {"relevance": "dead gradient", "grad_cam": "dead gradient", "rollout": "ok"}


def test_dead_rows_of_the_survey_are_told_where_the_images_shown_have_none():
    study = synthetic_study()
    tables = {name: table.copy() for name, table in study.tables.items()}
    tables["indicators"].loc[tables["indicators"]["indicator"] == "dead_rows", "value"] = 0.0
    survey = tables["survey"]
    survey["mean"] = np.where(survey["indicator"] == "dead_rows", 0.0, survey["mean"])
    assert not [line for line in caveats.caveats(dataclasses.replace(study, tables=tables)) if "no token" in line]
    row = survey.index[(survey["indicator"] == "dead_rows") & (survey["model"] == "plain")][0]
    survey.loc[row, "mean"] = 0.125
    told = [line for line in caveats.caveats(dataclasses.replace(study, tables=tables)) if "no token" in line]
    assert told == [
        "plain: some queries keep no token at all on images of the survey that are not shown, 0.125 of them in the "
        "worst head."
    ]


def test_no_mechanism_is_read_out_of_a_display_string():
    study = synthetic_study()
    models = tuple(model | {"rule": f"softmax of {model['name']}"} for model in study.models)
    figure = FIGURES["epoch_time"].draw(dataclasses.replace(study, models=models))["epoch_time"]
    assert figure.get_suptitle().endswith("over plain")


def test_what_is_the_toolkits_own_is_a_field_and_not_prose():
    own = {name for name, entry in interpret.INDICATORS.items() if entry.own}
    assert own == {
        name for name, entry in interpret.INDICATORS.items() if "definition of this toolkit" in entry.reference
    }
    assert len(own) == 7


def test_importance_is_the_change_of_the_loss_when_a_heads_mask_moves():
    """|dL / dxi| by central differences, the mask multiplied onto the weights by hand."""
    from interpret.interventions.head_pruning import importance

    model, images, labels = tiny(), pictures(3), torch.tensor([0, 3, 1])
    found = importance(model, images, labels.tolist())
    by_hand = torch.zeros(2, 3, dtype=torch.float64)
    for layer in range(2):
        for head in range(3):
            losses = [_masked_loss(model.model, layer, head, 1 + step, images, labels) for step in (1e-5, -1e-5)]
            by_hand[layer, head] = ((losses[0] - losses[1]) / 2e-5).abs().mean()
    by_hand = by_hand / by_hand.norm(dim=-1, keepdim=True)
    assert_allclose(found, by_hand, rtol=1e-6)


def _masked_loss(vit, layer, head, factor, images, labels):
    def scale(index, stages):
        mask = torch.ones(3, dtype=stages.weights.dtype)
        mask[head] = factor if index == layer else 1
        return stages.weights * mask[:, None, None]

    with observing(vit, scale), torch.no_grad():
        return torch.nn.functional.cross_entropy(vit(images), labels, reduction="none")


def test_pruning_takes_the_least_important_first_and_three_random_orders_stand_beside_it():
    model, data = tiny(), gallery(12, list(range(5)) * 2 + [0, 1])
    table = interpret.sweep(model, data, "head_pruning", [0.0, 0.5, 1.0], indicators=["active_tokens"])
    assert set(table["rule"]) == {"gradient", "random 0", "random 1", "random 2"}
    assert set(table["n"]) == {9}
    tokens = table[table["quantity"] == "active_tokens"].pivot_table(index="rule", columns="strength", values="mean")
    assert_allclose(tokens, np.tile([25, 12.5, 0], (4, 1)))
    agreement = table[(table["quantity"] == "agreement") & (table["strength"] == 0)]["mean"]
    assert_allclose(agreement, 1)


def test_noise_on_sigma_is_the_mean_of_its_draws():
    model, data = tiny("svda"), gallery(4, [0, 1, 2, 3])
    table = interpret.sweep(model, data, "sigma_perturbation", [0.5], indicators=[]).set_index("quantity")["mean"]
    images = model.pixels([example.image for example in data]).double()
    confidence = []
    for seed in range(8):
        with interpret.sigma_perturbation(model, 0.5, seed=seed):
            confidence.append(model(images).softmax(dim=-1).amax(dim=-1).mean().item())
    assert_allclose(table["confidence"], np.mean(confidence))


def test_tables_of_earlier_versions_have_the_names_of_today():
    """A sweep was a table for each intervention, its strength under its own name; the tables were also written as
    text.
    """
    study = synthetic_study()
    sweep, points = study.tables["sweep"], study.tables["operating_points"]
    of_tau = sweep.query("intervention == 'threshold'").rename(columns={"strength": "tau"})
    of_rho = sweep.query("intervention == 'sigma_retention'").rename(columns={"strength": "rho"})
    earlier = {
        "tau_sweep": of_tau.drop(columns=["intervention", "removed"]),
        "rho_sweep": of_rho.drop(columns=["intervention", "rule", "trained", "tau_n"]),
        "landmarks": points.assign(strength=points["intervention"].map({"threshold": "tau", "sigma_retention": "rho"}))
        .drop(columns=["intervention", "rule"]),
    }  # fmt: skip
    renewed = renewed_tables(earlier)
    pd.testing.assert_frame_equal(renewed["sweep"][list(sweep)], sweep, check_like=True)
    pd.testing.assert_frame_equal(renewed["operating_points"][list(points)], points.assign(rule=""))
    text = renewed_tables({name: table.astype(str) for name, table in earlier.items()})
    assert set(text["sweep"]["trained"]) == {"True", "False"}
    assert renewed_tables(study.tables)["sweep"] is sweep
    assert renewed_settings({"taus": [0.0], "seed": 0}) == {"seed": 0, "sweeps": {"threshold": [0.0]}}


ODD = {
    "plain": r"$\badcommand{",
    "selective": "\u6f22\u5b57 \u201d =1",
    "svda": r"\$5_$6",
    "circle": r"$\frac0$",
    "image-0": "\u4ef7\U0001f600_$5_$6.png",
}


def test_names_in_any_script_and_like_mathematics_are_drawn_as_they_are(tmp_path, caplog):
    study = synthetic_study()
    named = dataclasses.replace(
        study,
        models=tuple(model | {"name": ODD[model["name"]]} for model in study.models),
        image_ids=tuple(ODD.get(name, name) for name in study.image_ids),
        tables={name: table.replace(ODD) for name, table in study.tables.items()},
    )
    assert interpret.write_pack(named, tmp_path / "pack").is_file()
    told = [line for line in caplog.messages if line.startswith("no font here has ")]
    assert len(told) == (fonts.fallbacks(set("".join(ODD.values())))[1] != set())


def test_a_letter_that_the_usual_font_lacks_is_drawn_in_one_that_has_it(tmp_path):
    """A watch is in a font that comes with matplotlib; nobody has letters that are not assigned to anything."""
    assert fonts.fallbacks(set("plain text \u00e4\u03c4\n")) == ([], set())
    (family,), missing = fonts.fallbacks({"\u231a"})
    assert missing == set()
    study = synthetic_study()
    watch = dataclasses.replace(study, image_ids=("\u231a", *study.image_ids[1:]))
    with warnings.catch_warnings(action="error"), fonts.lettering(watch):
        assert mpl.rcParams["font.family"] == ["sans-serif", family]
        figure = Figure()
        figure.text(0, 0, "1 \u231a")
        warnings.simplefilter("error")
        figure.savefig(tmp_path / "watch.png")
        figure.savefig(tmp_path / "watch.pdf")
    assert mpl.rcParams["font.family"] == ["sans-serif"]


def test_control_characters_of_a_class_are_written_as_what_they_are():
    vit = tiny()
    odd = dataclasses.replace(vit, spec=dataclasses.replace(vit.spec, classes=("a\x1b[2J\n", *"bcde")))
    assert describe(odd)["classes"] == [r"a\x1b[2J\n", *"bcde"]
    study = interpret.run_study(odd, gallery(1), attributions="rollout", indicators=[], sweeps=[])
    assert not any("\x1b" in name for name in study.tables["predictions"]["predicted"])

"""Sweeps against the same interventions made one by one, and what is kept of them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from interpret.foundation.errors import InterpretError
from interpret.indicators import measure
from interpret.interventions import INTERVENTIONS
from interpret.interventions.head_pruning import head_pruning
from interpret.interventions.sigma_retention import accounting, sigma_retention
from interpret.interventions.threshold import default_taus, threshold
from interpret.models import tracing
from interpret.models.tracing import trace
from interpret.study.curves import whole_model
from interpret.study.store import Store
from interpret.study.sweep import rho_sweep, sweep, tau_sweep
from tests.models import gallery, tiny

ROOMY = {"batch_size": 2}


def quantity(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[table["quantity"] == name].set_index("strength")


def test_only_at_its_own_tau_is_a_model_the_same_function_by_construction():
    """There, and nowhere else, no change is no loss; a tau set in place counts, an intervention around it too."""
    hard, data = tiny("hard_threshold"), gallery(5, [0, 1, 2, 3, 4])

    def exact(model, taus=(0.0, 0.03, 0.05)):
        change = quantity(tau_sweep(model, data, taus, by_layer=True), "accuracy_change")
        return set(change.index[(change["low"] == 0) & (change["high"] == 0)])

    assert (exact(hard), exact(tiny()), exact(tiny("learned_threshold"))) == ({0.03}, set(), set())
    with threshold(hard, 0.05):
        assert exact(hard) == {0.05}
    with threshold(hard, 0.05, "soft"):
        assert exact(hard) == set()
    for block in hard.model.blocks:
        block.attn.mechanism.tau = 0.05
    assert exact(hard) == {0.05}


def test_what_removes_nothing_leaves_the_function():
    data = gallery(4, [0, 1, 2, 3])
    for model, intervention, strengths, expected in (
        (tiny("svda"), "sigma_retention", [0.5, 1.0], {1.0}),
        (tiny("svda"), "sigma_perturbation", [0.0, 0.1], {0.0}),
        (tiny(), "head_pruning", [0.0, 0.05, 0.5], {0.0, 0.05}),  # 0.05 of 6 heads is none
    ):
        change = quantity(sweep(model, data, intervention, strengths, indicators=[]), "accuracy_change")
        exact = (change["low"] == 0) & (change["high"] == 0)
        assert set(change.index[exact]) == expected


@pytest.mark.parametrize("mechanism", ["hard_threshold", "soft_threshold"])
def test_at_the_trained_tau_the_sweep_shows_the_model_as_trained(mechanism):
    loaded, data = tiny(mechanism), gallery(5, [0, 1, 2, 3, 4])
    table = tau_sweep(loaded, data, (0.0, 0.03, 0.5), batch_size=2)
    assert set(table["rule"]) == {mechanism.removesuffix("_threshold")}
    assert quantity(table, "agreement")["trained"].to_dict() == {0.0: False, 0.03: True, 0.5: False}
    seen = trace(loaded, loaded.pixels([example.image for example in data]))
    probability, predicted = seen.logits.softmax(dim=-1).max(dim=-1)
    expected = {
        "agreement": 1,
        "accuracy_change": 0,
        "confidence": probability.mean().item(),
        "accuracy": (predicted == torch.arange(5)).double().mean().item(),
        "active_tokens": (seen.weights > 0).sum(dim=-1).double().mean().item(),
    }
    found = {name: quantity(table, name).loc[0.03, "mean"] for name in expected}
    assert_allclose(list(found.values()), list(expected.values()), atol=1e-12)
    assert set(table["n"]) == {5}
    assert_allclose(quantity(table, "confidence")["tau_n"], [0, 0.75, 12.5])


def test_a_higher_tau_keeps_less():
    table = whole_model(tau_sweep(tiny(), gallery(3), (0.0, 0.01, 0.04, 0.2, 0.9)), "threshold")
    assert_allclose(table["active_tokens"].iloc[0], 25)
    assert_allclose(table["retained_mass"].iloc[0], 1)
    assert (np.diff(table["active_tokens"]) < 0).all()
    assert (np.diff(table["retained_mass"]) < 0).all()
    assert (np.diff(table["dead_rows"]) >= 0).all()
    assert "accuracy" not in table
    assert not table["trained"].any()


def test_a_layer_swept_alone_is_that_layer_cut_alone():
    loaded, data = tiny(), gallery(3, [0, 1, 2])
    table = tau_sweep(loaded, data, (0.04,), by_layer=True, indicators=("sparsity",))
    assert list(quantity(table, "sparsity")["layer"]) == ["all", "0", "1"]
    for layer in (0, 1):
        with threshold(loaded, 0.04, layers=[layer]):
            seen = trace(loaded, loaded.pixels([example.image for example in data]))
        rows = table[table["layer"] == str(layer)].set_index("quantity")["mean"]
        assert_allclose(rows["sparsity"], (seen.weights[layer] == 0).double().mean())
        assert_allclose(rows["confidence"], seen.logits.softmax(dim=-1).amax(dim=-1).mean())


def test_a_sweep_of_rho_is_the_retention_of_each():
    loaded, data = tiny("svda"), gallery(4, [0, 1, 2, 3])
    table = rho_sweep(loaded, data, (0.5, 1.0), indicators=("spectral_entropy",), batch_size=3)
    for rho in (0.5, 1.0):
        with sigma_retention(loaded, rho):
            seen = trace(loaded, loaded.pixels([example.image for example in data]))
        mine = table[(table["strength"] == rho) & (table["quantity"] == "spectral_entropy")].set_index("kind")
        by_hand = measure(seen, ["spectral_entropy"]).groupby("kind")["value"].mean()
        assert set(mine.index) == set(by_hand.index) >= {"sigma", "attention"}
        assert_allclose(mine["mean"], by_hand[mine.index])
        assert_allclose(mine["removed"], accounting(loaded, rho)["removed"].mean(), atol=1e-12)


def test_a_layer_loses_its_own_directions_alone():
    loaded, data = tiny("svda"), gallery(2)
    table = rho_sweep(loaded, data, (0.5,), by_layer=True).drop_duplicates("layer").set_index("layer")["removed"]
    by_layer = accounting(loaded, 0.5).groupby("layer")["removed"].mean()
    assert_allclose(table[["0", "1"]], by_layer)
    assert_allclose(table["all"], by_layer.mean())


def test_a_model_without_sigma_has_no_sweep_of_rho():
    with pytest.raises(InterpretError, match="sigma_retention does not act on tiny; it acts on models with a"):
        rho_sweep(tiny(), gallery(2), [0.9])


def test_batches_do_not_matter():
    loaded, data = tiny("hard_threshold"), gallery(5, [0, 1, 2, 3, 4])
    tables = [tau_sweep(loaded, data, (0.02, 0.1), batch_size=size) for size in (1, 3, 16)]
    for table in tables[1:]:
        assert_frame_equal(table, tables[0])


def test_the_sweep_holds_zero_and_every_trained_tau():
    models = [tiny(), tiny("hard_threshold"), tiny("soft_threshold", options={"tau": 0.007})]
    taus = default_taus(models)
    assert {0.0, 0.03, 0.007, 0.04, 0.08, 0.02, 0.01} <= set(taus)
    assert taus == tuple(sorted(set(taus)))
    assert max(taus) < 1


def test_a_tau_given_at_loading_is_not_called_trained():
    plain, hard = (tiny(name, dtype=torch.float32) for name in ("softmax", "hard_threshold"))
    for model, options, expected in (
        (plain, {"mechanism": "hard_threshold", "options": {"tau": 0.1}}, None),
        (hard, {"options": {"tau": 0.1}}, 0.03),
        (hard, {}, 0.03),
    ):
        spec = dataclasses.replace(model.spec, **options)
        loaded = dataclasses.replace(model, model=spec.build(), spec=spec, recorded=model.spec)
        assert loaded.trained_tau == expected
        assert loaded.as_trained == (not options)
        assert expected is None or expected in default_taus([loaded])
        table = tau_sweep(loaded, gallery(2), [0.03, 0.1])
        assert quantity(table, "agreement")["trained"].tolist() == [expected == 0.03, False]


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """The batches that go through a model."""
    seen: list[int] = []

    def counted(model, images, **options):
        seen.append(len(images))
        return trace(model, images, **options)

    monkeypatch.setattr(tracing, "trace", counted)
    return seen


def filed(mechanism: str = "softmax", **options) -> object:
    return dataclasses.replace(tiny(mechanism, **options), sha256="of a file")


def test_what_was_seen_is_not_seen_again(tmp_path, passes):
    loaded, data, path = filed(), gallery(5, [0, 1, 2, 3, 4]), tmp_path / "store.sqlite"
    first = tau_sweep(loaded, data, (0.0, 0.1), store=Store(path), batch_size=2)
    assert passes == 3 * [2] + 3 * [2] + 3 * [1]
    again = tau_sweep(loaded, data, (0.0, 0.1, 0.3), store=Store(path), batch_size=2)
    assert passes[9:] == [2, 2, 1]
    assert_frame_equal(again[again["strength"] < 0.3].reset_index(drop=True), first)


def test_an_interrupted_sweep_goes_on_after_its_last_batch(tmp_path, passes, monkeypatch):
    loaded, data, store = filed(), gallery(6), Store(tmp_path / "store.sqlite")
    monkeypatch.setattr(type(loaded), "labels", lambda *_: _stop_after(len(passes) >= 4))
    with pytest.raises(KeyboardInterrupt):
        tau_sweep(loaded, data, (0.1,), store=store, batch_size=2)
    monkeypatch.undo()
    assert passes == [2, 2, 2, 2]
    assert_frame_equal(
        tau_sweep(loaded, data, (0.1,), store=store, batch_size=2), tau_sweep(loaded, data, (0.1,), batch_size=2)
    )


def _stop_after(now: bool) -> None:
    if now:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "change",
    [
        {"loaded": filed("hard_threshold")},
        {"loaded": filed(seed=1)},
        {"data": gallery(3, size=(33, 48))},
        {"indicators": ("sparsity",)},
        {"options": {"active_tokens": [{}]}, "indicators": ("active_tokens", "sparsity")},
    ],
    ids=["mechanism", "weights", "pixels", "indicators", "options"],
)
def test_anything_that_matters_makes_a_new_result(tmp_path, passes, change):
    store, given = Store(tmp_path / "store.sqlite"), {"loaded": filed(), "data": gallery(3)} | change
    tau_sweep(filed(), gallery(3), (0.1,), store=store)
    before = len(passes)
    tau_sweep(given.pop("loaded"), given.pop("data"), (0.1,), store=store, **given)
    assert len(passes) == 2 * before


def test_a_model_from_memory_is_never_taken_from_the_store(tmp_path, passes):
    store = Store(tmp_path / "store.sqlite")
    for seed in (0, 1):
        tau_sweep(tiny(seed=seed), gallery(2), (0.1,), store=store)
    assert passes == [2, 2, 2, 2]


def test_a_model_under_an_intervention_is_never_taken_from_the_store(tmp_path, passes):
    store, loaded, data = Store(tmp_path / "store.sqlite"), filed(), gallery(2)
    plain = tau_sweep(loaded, data, (0.0,), store=store)
    with head_pruning(loaded, [(0, 0), (1, 1)]):
        pruned = tau_sweep(loaded, data, (0.0,), store=store)
    assert passes == [2, 2, 2, 2]
    confidence = [quantity(table, "confidence")["mean"].item() for table in (plain, pruned)]
    assert confidence[0] != confidence[1]


def test_a_sweep_of_nothing_is_refused():
    with pytest.raises(InterpretError, match="a sweep needs a setting; got none"):
        tau_sweep(tiny(), gallery(2), ())


def test_a_file_that_is_no_store_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one " * 9)
    with pytest.raises(InterpretError, match=r"notes.txt: cannot be used as a store of results"):
        Store(path)


def test_one_set_of_constants_is_kept_in_a_store_too(tmp_path):
    given = {"indicators": "spectral_sparsity", "options": {"spectral_sparsity": {"delta": 0.1}}}
    tables = [tau_sweep(filed(), gallery(2), (0.1,), store=store, **given) for store in (Store(tmp_path / "s"), None)]
    assert_frame_equal(*tables)
    assert {"delta=0.1"} <= set(tables[0]["variant"])


def test_images_are_set_aside_evenly_and_labelled_by_their_own_classes(monkeypatch):
    """A folder in the order of its classes: all of them are looked at, and all are scored."""
    loaded, data = tiny(), gallery(20, sorted(list(range(5)) * 4))
    asked: list[list[int]] = []
    entry = dataclasses.replace(
        INTERVENTIONS["head_pruning"],
        prepare=lambda model, images, labels: asked.append(labels) or {"ranks": [[0.0] * 3] * 2},
    )
    monkeypatch.setitem(INTERVENTIONS._entries, "head_pruning", entry)
    table = sweep(loaded, data, "head_pruning", [0.0], indicators=[])
    assert asked == [[0, 1, 2, 3, 4]]
    assert set(table["n"]) == {15}

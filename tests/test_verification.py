"""Before and after an intervention, against the same numbers taken one by one."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from interpret import head_pruning, sigma_retention
from interpret.foundation.errors import InterpretError
from interpret.interventions.sigma_retention import accounting, reduced
from interpret.models import tracing
from interpret.models.tracing import trace
from interpret.study.verification import verify_intervention, verify_retention
from tests.models import gallery, tiny

MEASURED = ["accuracy_before", "accuracy_after", "difference", "difference_low", "difference_high", "p"]


def test_a_row_says_what_one_sees_by_hand():
    loaded = tiny("svda")
    images = loaded.pixels([example.image for example in gallery(40)])
    before = trace(loaded, images, keep=("weights",))
    with head_pruning(loaded, [(0, 1), (1, 2)]):
        after = trace(loaded, images, keep=("weights",))
    labels = torch.where(torch.arange(40) % 4 == 0, after.target, before.target)
    was, now = (before.target == labels).numpy(), (after.target == labels).numpy()
    data = gallery(40, labels.tolist())
    table = verify_intervention(loaded, lambda: head_pruning(loaded, [(0, 1), (1, 2)]), data)
    row = table.iloc[0]
    gained, lost = int((now & ~was).sum()), int((was & ~now).sum())
    assert gained > 0
    assert lost > gained
    assert len(table) == 1
    assert row["images"] == 40
    assert_allclose(row["max_weight_change"], (after.weights - before.weights).abs().max(), rtol=1e-12)
    assert_allclose(row["agreement"], (before.target == after.target).double().mean())
    assert_allclose([row["accuracy_before"], row["accuracy_after"]], [was.mean(), now.mean()])
    assert_allclose(row["difference"], (gained - lost) / 40)
    assert_allclose(row["p"], binomtest(gained, gained + lost).pvalue)
    spread = np.std(now.astype(float) - was) / 40**0.5
    expected = [row["difference"] - 1.96 * spread, row["difference"] + 1.96 * spread]
    assert_allclose([row["difference_low"], row["difference_high"]], expected, atol=0.05)


def test_the_split_into_batches_does_not_matter():
    loaded, data = tiny("svda"), gallery(7, [0, 1, 2, 3, 4, 0, 1])
    tables = [
        verify_intervention(loaded, lambda: sigma_retention(loaded, 0.3), data, batch_size=batch_size)
        for batch_size in (1, 3, 64)
    ]
    for table in tables[1:]:
        assert_allclose(table.to_numpy(dtype=float), tables[0].to_numpy(dtype=float), rtol=1e-9)


def test_nothing_done_is_nothing_changed_as_far_as_five_images_say():
    loaded = tiny()
    row = verify_intervention(loaded, lambda: nullcontext(loaded), gallery(5, [0] * 5)).iloc[0]
    assert (row["max_weight_change"], row["agreement"], row["difference"], row["p"]) == (0, 1, 0, 1)
    reach = 1 - 0.05 ** (1 / 5)
    assert_allclose([row["difference_low"], row["difference_high"]], [-reach, reach], rtol=1e-6)


def test_without_labels_there_is_no_accuracy():
    loaded = tiny("svda")
    row = verify_intervention(loaded, lambda: sigma_retention(loaded, 0.5), gallery(3)).iloc[0]
    assert row[MEASURED].isna().all()
    assert 0 < row["max_weight_change"] <= 1
    assert 0 <= row["agreement"] <= 1


def test_a_model_changed_for_good_is_what_its_scope_yields():
    loaded = tiny("svda")
    images, other = loaded.pixels([example.image for example in gallery(3)]), reduced(loaded, 0.5)
    expected = (trace(other, images).weights - trace(loaded, images).weights).abs().max()
    row = verify_intervention(loaded, lambda: nullcontext(other), gallery(3)).iloc[0]
    assert_allclose(row["max_weight_change"], expected)


def test_attention_of_one_batch_is_looked_at_at_a_time(monkeypatch):
    loaded, seen = tiny(), []

    def watched(model, images, target=None, **options):
        seen.append((len(images), options))
        return trace(model, images, target, **options)

    monkeypatch.setattr(tracing, "trace", watched)
    verify_intervention(loaded, lambda: nullcontext(loaded), gallery(5), batch_size=2)
    assert seen == [(count, {"keep": ("weights",)}) for count in (2, 2, 2, 2, 1, 1)]


def test_attention_that_is_undefined_is_not_passed_over():
    loaded, other = tiny(), tiny()
    other.model.blocks[1].attn.qkv.bias.data[0] = torch.nan
    scopes = iter([nullcontext(loaded), nullcontext(other), nullcontext(loaded)])
    row = verify_intervention(loaded, lambda: next(scopes), gallery(3), batch_size=1).iloc[0]
    assert np.isnan(row["max_weight_change"])


def test_retention_says_what_is_saved_and_what_it_costs():
    loaded, data = tiny("svda"), gallery(9, [0, 1, 2, 3, 4, 0, 1, 2, 3])
    table = verify_retention(loaded, data, 0.6, batch_size=4).set_index("form")
    costs = accounting(loaded, 0.6)
    assert_allclose(table["removed"], costs["removed"].mean())
    assert table.loc["masked", ["parameters_saved", "macs_saved", "parameters_saved_padded"]].eq(0).all()
    assert_allclose(table.loc["reduced", "parameters_saved"], costs["parameters_saved_share"].sum())
    assert_allclose(table.loc["reduced", "macs_saved_padded"], costs["macs_saved_padded_share"].sum())
    for form, scope in {
        "masked": lambda: sigma_retention(loaded, 0.6),
        "reduced": lambda: nullcontext(reduced(loaded, 0.6)),
    }.items():
        expected = verify_intervention(loaded, scope, data).iloc[0]
        assert_allclose(table.loc[form, expected.index].astype(float), expected.astype(float))
    assert table.loc["masked", "max_weight_change"] != table.loc["reduced", "max_weight_change"]


def test_a_reduction_that_the_backbone_forbids_is_left_out():
    loaded = tiny("svda", qk_norm=True)
    assert list(verify_retention(loaded, gallery(2), 0.6)["form"]) == ["masked"]


def test_a_failure_reaches_the_caller():
    loaded = tiny()

    @contextmanager
    def failing():
        raise RuntimeError("stop")
        yield loaded

    with pytest.raises(RuntimeError, match="stop"):
        verify_intervention(loaded, failing, gallery(1))


def test_no_image_is_refused():
    loaded = tiny()
    with pytest.raises(InterpretError, match=r"^0 images for 1 processes"):
        verify_intervention(loaded, lambda: nullcontext(loaded), gallery(2)[:0])


def test_a_model_that_takes_other_pixels_or_has_other_heads_is_no_intervention():
    loaded = tiny("softmax")
    darker = replace(loaded, spec=replace(loaded.spec, mean=(0.4, 0.5, 0.6)))
    with pytest.raises(InterpretError, match=r"takes the same pixels and has the same heads\Z"):
        verify_intervention(loaded, lambda: nullcontext(darker), gallery(2))
    with pytest.raises(InterpretError, match=r"takes the same pixels and has the same heads\Z"):
        verify_intervention(loaded, lambda: nullcontext(tiny("softmax", patch_size=16)), gallery(2))
    with pytest.raises(InterpretError, match=r"heads by layer \[2, 2\], tiny .* \[3, 3\]"):
        verify_intervention(loaded, lambda: nullcontext(tiny("softmax", num_heads=2)), gallery(2))

"""Before and after an intervention, against the same numbers taken one by one."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from interpret import head_pruning, sigma_retention, verification
from interpret.errors import InterpretError
from interpret.interventions.sigma_retention import reduced
from interpret.tracing import trace
from interpret.verification import verify_intervention
from tests.models import pictures, tiny

MEASURED = ["accuracy_before", "accuracy_after", "difference", "difference_low", "difference_high", "p"]


def test_a_row_says_what_one_sees_by_hand():
    loaded, images = tiny("svda"), pictures(40)
    before = trace(loaded, images, keep=("weights",))
    with head_pruning(loaded, [(0, 1), (1, 2)]):
        after = trace(loaded, images, keep=("weights",))
    labels = torch.where(torch.arange(40) % 4 == 0, after.target, before.target)
    was, now = (before.target == labels).numpy(), (after.target == labels).numpy()
    table = verify_intervention(loaded, lambda: head_pruning(loaded, [(0, 1), (1, 2)]), images, labels, 16)
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
    assert_allclose([row["difference_low"], row["difference_high"]], expected, atol=0.03)


def test_the_split_into_batches_does_not_matter():
    loaded, images = tiny("svda"), pictures(7)
    labels = torch.arange(7) % 5
    tables = [
        verify_intervention(loaded, lambda: sigma_retention(loaded, 0.3), images, labels, batch_size)
        for batch_size in (1, 3, 64)
    ]
    for table in tables[1:]:
        assert_allclose(table.to_numpy(dtype=float), tables[0].to_numpy(dtype=float), rtol=1e-9)


def test_nothing_done_is_nothing_changed():
    loaded = tiny()
    row = verify_intervention(loaded, lambda: nullcontext(loaded), pictures(5), torch.zeros(5, dtype=int)).iloc[0]
    assert (row["max_weight_change"], row["agreement"], row["difference"], row["p"]) == (0, 1, 0, 1)
    assert (row["difference_low"], row["difference_high"]) == (0, 0)


def test_without_labels_there_is_no_accuracy():
    loaded = tiny("svda")
    row = verify_intervention(loaded, lambda: sigma_retention(loaded, 0.5), pictures(3), None).iloc[0]
    assert row[MEASURED].isna().all()
    assert 0 < row["max_weight_change"] <= 1
    assert 0 <= row["agreement"] <= 1


def test_a_model_changed_for_good_is_what_its_scope_yields():
    loaded, images = tiny("svda"), pictures(3)
    other = reduced(loaded, 0.5)
    expected = (trace(other, images).weights - trace(loaded, images).weights).abs().max()
    row = verify_intervention(loaded, lambda: nullcontext(other), images).iloc[0]
    assert_allclose(row["max_weight_change"], expected)


def test_attention_of_one_batch_is_looked_at_at_a_time(monkeypatch):
    loaded, seen = tiny(), []

    def watched(model, images, **options):
        seen.append((len(images), options))
        return trace(model, images, **options)

    monkeypatch.setattr(verification, "trace", watched)
    verify_intervention(loaded, lambda: nullcontext(loaded), pictures(5), batch_size=2)
    assert seen == [(count, {"keep": ("weights",)}) for count in (2, 2, 2, 2, 1, 1)]


def test_attention_that_is_undefined_is_not_passed_over():
    loaded, other = tiny(), tiny()
    other.model.blocks[1].attn.qkv.bias.data[0] = torch.nan
    scopes = iter([nullcontext(loaded), nullcontext(other), nullcontext(loaded)])
    row = verify_intervention(loaded, lambda: next(scopes), pictures(3), batch_size=1).iloc[0]
    assert np.isnan(row["max_weight_change"])


def test_a_failure_reaches_the_caller():
    loaded = tiny()

    @contextmanager
    def failing():
        raise RuntimeError("stop")
        yield loaded

    with pytest.raises(RuntimeError, match="stop"):
        verify_intervention(loaded, failing, pictures(1))


@pytest.mark.parametrize(
    ("images", "labels", "found"), [(0, None, "0 images, no labels"), (2, 3, "2 images, 3 labels")]
)
def test_labels_that_do_not_fit_the_images_are_refused(images, labels, found):
    loaded = tiny()
    known = None if labels is None else torch.zeros(labels, dtype=torch.int64)
    with pytest.raises(InterpretError, match=rf"^expected images, and one label each or None; got {found}\Z"):
        verify_intervention(loaded, lambda: nullcontext(loaded), pictures(2)[:images], known)

"""What a checkpoint recorded while it learned."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from interpret.models import history

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 1.0 / epoch,
        "validation_accuracy": 0.1 * epoch,
        "seconds": 2.0,
        "indicators": {
            "sparsity": [[0.1, 0.2], [0.3, np.nan]],
            "effective_rank:sigma:gamma=1.0": [[5.0, 6.0], [7.0, 8.0]],
        },
    }
    for epoch in (1, 2)
]


def test_curves_have_one_row_an_epoch_and_no_indicator():
    table = history.curves(HISTORY)
    assert list(table) == ["epoch", "train_loss", "validation_accuracy", "seconds"]
    assert_allclose(table["train_loss"], [1.0, 0.5])


def test_indicators_come_back_by_layer_and_head_with_their_spectrum():
    table = history.indicators(HISTORY).query("epoch == 2 and indicator == 'effective_rank'")
    assert set(table["variant"]) == {"gamma=1.0"}
    assert table[["layer", "head", "kind", "value"]].to_numpy().tolist() == [
        [0, 0, "sigma", 5.0], [0, 1, "sigma", 6.0], [1, 0, "sigma", 7.0], [1, 1, "sigma", 8.0],
    ]  # fmt: skip


def test_packing_is_the_mean_over_images_and_reading_undoes_it():
    rows = [
        {
            "image": image,
            "layer": layer,
            "head": head,
            "indicator": "sparsity",
            "kind": "",
            "variant": "",
            "value": value,
        }
        for image, shift in ((0, 0.0), (1, 1.0))
        for layer, heads in enumerate([[0.1, 0.2], [0.3, np.nan]])
        for head, value in enumerate(np.array(heads) + shift)
    ]
    packed = history.pack_indicators(pd.DataFrame(rows).assign(variant=""))
    assert_allclose(packed["sparsity"], [[0.6, 0.7], [0.8, np.nan]])
    assert_allclose(history.indicators([{"epoch": 1, "indicators": packed}])["value"], [0.6, 0.7, 0.8, np.nan])


def test_the_tidy_table_says_split_and_unit():
    table = history.tidy(HISTORY)
    loss = table[(table["quantity"] == "loss") & (table["epoch"] == 2)]
    assert loss[["split", "value", "unit"]].to_numpy().tolist() == [["train", 0.5, "nats"]]
    assert set(table.loc[table["quantity"] == "sparsity", "split"]) == {"validation"}
    assert len(table) == 2 * (3 + 8)


def test_a_file_without_history_gives_empty_tables():
    assert len(history.curves([])) == len(history.indicators([])) == 0

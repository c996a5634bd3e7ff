import itertools
import sys
from collections import Counter
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from interpret.figures import FIGURES
from interpret.figures.drawing import overlay, plots
from interpret.figures.drawing.octaves import octaves, uniform_share
from interpret.indicators import INDICATORS
from tests.synthetic import ATTRIBUTIONS, IMAGES, NAMES, TAUS, TOKENS, synthetic_study


@pytest.fixture(scope="module")
def study():
    return synthetic_study()


def texts(figure):
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible()}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module")
def drawn(study):
    """Figure -> its pages, each drawn once."""
    return {name: entry.draw(study) for name, entry in FIGURES.items()}


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_has_a_title_and_a_caption(name, drawn):
    assert drawn[name]
    assert all(page == name or page.startswith(f"{name}_") for page in drawn[name])
    assert all(figure.get_suptitle() for figure in drawn[name].values())
    assert FIGURES[name].title
    assert FIGURES[name].caption.endswith(".")


def test_drawing_leaves_settings_windows_and_the_study_alone(study, drawn):
    fresh = synthetic_study()
    assert mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
    assert all(study.tables[table].equals(fresh.tables[table]) for table in fresh.tables)
    for key, array in fresh.arrays.items():
        assert_array_equal(study.arrays[key], array)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("training_curves", {"history": synthetic_study(history=False).tables["history"]}),
        ("spectral_entropy", {"indicators": synthetic_study().tables["indicators"].query("indicator == 'sparsity'")}),
        ("active_tokens", {"indicators": synthetic_study().tables["indicators"].query("indicator == 'sparsity'")}),
    ],
)
def test_a_figure_without_its_numbers_is_left_out(name, change, study):
    assert FIGURES[name].draw(replace(study, tables=study.tables | change)) == {}


def test_overlays_come_one_page_an_attribution_with_the_same_image_in_every_column(study, drawn):
    pages = drawn["overlay_grid"]
    assert list(pages) == [f"overlay_grid_{name}" for name in ATTRIBUTIONS]
    panels = np.array(pages["overlay_grid_layer_grad_cam"].axes[: 4 * len(IMAGES)]).reshape(len(IMAGES), 4)
    for image, row in enumerate(panels):
        assert_array_equal(row[0].get_images()[0].get_array(), plots.enlarge(study.images[image]))
        assert row[0].get_ylabel().startswith(IMAGES[image])
        maps = [study.map(model, "layer_grad_cam")[image] for model in range(3)]
        scale = octaves([uniform_share(each) for each in maps], signed=True)
        for values, ax in zip(maps, row[1:], strict=True):
            levels = scale.levels(uniform_share(values))
            expected = overlay.overlay_pixels(plots.enlarge(study.images[image]), levels, scale.colours)
            assert_array_equal(ax.get_images()[0].get_array(), expected)
            assert ax.get_xlabel().endswith(f"raw total {np.abs(values).sum():.3g}")


def test_overlay_columns_name_model_and_rule_and_each_row_has_its_bar(study, drawn):
    figure = drawn["overlay_grid"]["overlay_grid_layer_grad_cam"]
    assert {"input", "plain\nsoftmax", "selective\nhard tau .05"} <= texts(figure)
    bars = figure.axes[4 * len(IMAGES) :]
    for image, bar in enumerate(bars):
        shares = [uniform_share(study.map(model, "layer_grad_cam")[image]) for model in range(3)]
        scale = octaves(shares, signed=True)
        assert [text.get_text() for text in bar.get_yticklabels()] == list(scale.ticks)
        beyond = f"\n(up to {scale.peak:.2g}x)" if scale.exceeded else ""
        assert bar.get_ylabel() == f"times the uniform share{beyond}"
    assert len(bars) == len(IMAGES)


def test_a_map_that_shows_nothing_is_stamped_and_a_wrong_prediction_is_red(drawn):
    figure = drawn["overlay_grid"]["overlay_grid_rollout"]
    ax = figure.axes[1 * 4 + 3]
    assert [text.get_text() for text in ax.texts] == ["NO EVIDENCE\nconstant map"]
    assert (ax.get_xlabel(), ax.xaxis.label.get_color()) == ("star 0.75", plots.STAMP)
    assert sum(bool(other.texts) for other in figure.axes) == 1


def test_without_labels_no_prediction_is_called_wrong():
    figure = FIGURES["overlay_grid"].draw(synthetic_study(labelled=False))["overlay_grid_rollout"]
    assert {ax.xaxis.label.get_color() for ax in figure.axes[: 4 * len(IMAGES)]} == {"black"}


def test_more_images_than_fit_a_page_continue_on_the_next(study):
    many = [f"image-{index}" for index in range(9)]
    copies = [0] * 9
    tables = study.tables | {
        name: study.tables[name].query("image == 'image-0'").merge(_every(many), how="cross").drop(columns="image_x")
        for name in ("predictions", "maps")
    }
    tables = {name: table.rename(columns={"image_y": "image"}) for name, table in tables.items()}
    arrays = {key: array[copies] if key.startswith("map/") else array for key, array in study.arrays.items()}
    grown = replace(study, images=study.images[copies], image_ids=tuple(many), tables=tables, arrays=arrays)
    pages = FIGURES["overlay_grid"].draw(grown)
    assert list(pages)[:2] == ["overlay_grid_rollout_1", "overlay_grid_rollout_2"]
    assert len(pages["overlay_grid_rollout_2"].axes) == 4 + 1


def _every(images):
    return synthetic_study().tables["predictions"][["image"]].iloc[: len(images)].assign(image=images)


def test_heatmaps_show_every_layer_and_head_with_one_scale_and_cut_weights_apart(study, drawn):
    pages = drawn["attention_heatmaps"]
    assert list(pages) == [f"attention_heatmaps_{name}" for name in NAMES]
    panels = [figure.axes[4 * layer + 1 + head] for figure in pages.values() for layer in (0, 1) for head in range(3)]
    assert len({ax.get_images()[0].get_clim() for ax in panels}) == 1
    drawn = pages["attention_heatmaps_selective"].axes[4 + 2].get_images()[0].get_array()
    assert_array_equal(np.ma.getmaskarray(drawn), study.heatmap(1)[0, 1, 1] == 0)
    share = np.mean(study.heatmap(1)[0] == 0)
    assert legend(pages["attention_heatmaps_selective"]) == [f"exactly 0 ({share:.0%} of the weights shown)"]
    assert not pages["attention_heatmaps_plain"].legends


def test_active_tokens_are_means_over_images_on_a_scale_up_to_all_tokens(study, drawn):
    figure = drawn["active_tokens"]["active_tokens"]
    table = study.tables["indicators"].query(
        "indicator == 'active_tokens' and model == 'svda' and layer == 1 and head == 2"
    )
    mesh = figure.axes[2].collections[0]
    assert_allclose(mesh.get_array()[1, 2], table["value"].mean())
    assert mesh.get_clim() == (0, TOKENS)
    assert figure.axes[1].get_title() == "selective\nhard tau .05"
    assert figure.get_suptitle() == f"Active tokens per query (N = {TOKENS} tokens), mean over 4 images"


def test_spectra_of_different_kinds_never_share_axes(study):
    table = study.tables["indicators"]
    sigma = table.query("indicator == 'effective_rank'").assign(kind="sigma")
    both = table.merge(sigma.assign(value=9.0 + 0.5 * sigma["layer"]), how="outer")
    figure = FIGURES["effective_rank"].draw(replace(study, tables=study.tables | {"indicators": both}))[
        "effective_rank"
    ]
    assert [ax.get_title() for ax in figure.axes] == ["attention", "learned sigma"]
    assert figure.get_suptitle() == "Effective rank by layer, mean over 4 images"
    assert_allclose([line.get_ydata() for line in figure.axes[1].lines], [[9, 9.5]] * 3)
    many = [table.query("indicator == 'effective_rank'").assign(kind=f"kind {number}") for number in range(5)]
    rows = FIGURES["effective_rank"].draw(replace(study, tables=study.tables | {"indicators": pd.concat(many)}))
    assert [ax.get_title() for ax in rows["effective_rank"].axes] == [f"kind {number}" for number in range(5)]
    assert len({ax.get_subplotspec().rowspan.start for ax in rows["effective_rank"].axes}) == 2
    assert all(np.max(line.get_ydata()) < 1 for line in figure.axes[0].lines)


def test_models_keep_their_colour_in_every_figure(drawn):
    colors = [to_rgb(color) for color in plots.colors(3)]
    for name in ("sweep_threshold", "effective_rank", "sparsity_by_layer"):
        lines = drawn[name.removesuffix("_threshold")][name].axes[0].lines
        assert [to_rgb(line.get_color()) for line in lines if line.get_marker() != "None"] == colors


def test_the_sweep_marks_the_trained_tau_in_the_colour_of_its_model(drawn):
    figure = drawn["sweep"]["sweep_threshold"]
    dashed = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert [(line.get_xdata()[0], line.get_color()) for line in dashed] == [(0.05, plots.colors(3)[1])]
    assert_allclose(figure.axes[0].lines[0].get_xdata(), TAUS)


def test_the_sweep_shows_tau_n_and_falls_back_to_confidence_without_labels(drawn):
    figure = drawn["sweep"]["sweep_threshold"]
    assert [text.get_text() for text in figure.axes[3].get_xticklabels()] == ["0", "0.25", "1.2"]
    assert figure.axes[0].get_ylabel() == "accuracy (share)"
    unlabelled = FIGURES["sweep"].draw(synthetic_study(labelled=False))["sweep_threshold"]
    assert unlabelled.axes[0].get_ylabel() == "confidence (mean top\nprobability)"


def test_the_axes_of_a_sweep_fit_and_every_tick_is_labelled(study):
    sweep = study.tables["sweep"].replace({"strength": {0.05: 0.0102}})
    figure = FIGURES["sweep"].draw(replace(study, tables=study.tables | {"sweep": sweep}))["sweep_threshold"]
    assert 0.7 < figure.axes[0].get_ylim()[0] < 0.85
    assert all(label.get_text() for ax in figure.axes for label in ax.get_xticklabels())


def test_equal_curves_are_seen_under_one_another(drawn):
    lines = drawn["sweep"]["sweep_threshold"].axes[1].lines
    sizes = [(line.get_linewidth(), line.get_markersize()) for line in lines if line.get_marker() != "None"]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_tick_labels_of_close_taus_do_not_overlap(study):
    sweep = study.tables["sweep"].replace({"strength": {0.05: 0.0102}})
    figure = FIGURES["sweep"].draw(replace(study, tables=study.tables | {"sweep": sweep}))["sweep_threshold"]
    figure.draw_without_rendering()
    labels = [text for text in figure.axes[0].get_xticklabels() if text.get_text()]
    assert [text.get_text() for text in labels] == ["0", "0.0102"]


def test_models_with_different_n_have_no_common_axis_of_tau_n(study):
    models = ({**study.models[0], "tokens": 50}, *study.models[1:])
    sweep = study.tables["sweep"]
    sweep = sweep.assign(tau_n=sweep["tau_n"] * np.where(sweep["model"] == "plain", 2, 1))
    pages = FIGURES["sweep"].draw(replace(study, models=models, tables=study.tables | {"sweep": sweep}))
    figure = pages["sweep_threshold"]
    assert len(figure.axes) == 3
    assert legend(figure)[:2] == ["plain: softmax, N = 50 tokens", "selective: hard tau .05, N = 25 tokens"]


def test_training_curves_draw_what_each_history_has(drawn):
    figure = drawn["training_curves"]["training_curves"]
    validation = [line for line in figure.axes[1].lines if line.get_linestyle() == "-" and len(line.get_xdata())]
    assert_allclose(validation[0].get_xydata(), [[1, 0.4], [2, 0.7], [3, 0.8]])
    assert len(validation) == 2
    assert {"train", "validation"} <= set(legend(figure))


def test_a_long_name_is_shortened_in_its_middle(study):
    models = ({**study.models[0], "name": "a" * 30 + "b" * 30}, *study.models[1:])
    tables = {name: table.replace("plain", "a" * 30 + "b" * 30) for name, table in study.tables.items()}
    written = texts(FIGURES["sweep"].draw(replace(study, models=models, tables=tables))["sweep_threshold"])
    assert f"{'a' * 15}…{'b' * 15}: softmax, N = 25 tokens" in written


def test_more_models_than_markers_can_be_drawn(study):
    models = [{**study.models[0], "name": f"model {index}"} for index in range(9)]
    tables = {
        name: pd.concat([table[table["model"] == "plain"].assign(model=model["name"]) for model in models])
        for name, table in study.tables.items()
    }
    many = replace(study, models=tuple(models), tables=tables)
    for name in ("sweep", "sparsity_by_layer", "training_curves", "indicators_by_epoch", "epoch_time"):
        assert FIGURES[name].draw(many)


def timed(study, seconds, seeds=None):
    """The study with these epochs of "plain" and "selective", and with seeds in their recipes."""
    history = study.tables["history"].assign(seconds=np.asarray(seconds, float).ravel())
    models = [dict(model) for model in study.models]
    for model, seed in zip(models, seeds or (), strict=False):
        model["record"] = model["record"] | {"recipe": {"data": "shapes", "seed": seed}}
    return replace(study, models=tuple(models), tables=study.tables | {"history": history})


def test_the_overhead_is_that_of_the_median_epoch_over_the_plain_softmax_wherever_it_stands(study):
    slow = timed(study, [[10, 12, 14], [13, 15, 40]])
    for each in (slow, replace(slow, models=slow.models[::-1])):
        figure = FIGURES["epoch_time"].draw(each)["epoch_time"]
        assert figure.get_suptitle() == "Time of an epoch, and its overhead over plain"
        assert sorted(text.get_text() for text in figure.axes[1].texts) == ["", "+25 %"]


def test_an_epoch_that_was_disturbed_is_marked_and_not_scaled_to(study):
    history = pd.concat([study.tables["history"].query("model == 'plain'")] * 3, ignore_index=True)
    history["epoch"] = np.arange(9) + 1
    longer = replace(study, tables=study.tables | {"history": history})
    figure = FIGURES["epoch_time"].draw(timed(longer, [10, 11, 10, 12, 540, 11, 10, 11, 12]))["epoch_time"]
    assert figure.axes[0].get_ylim() == pytest.approx((0, 1.4 * 12))
    assert [text.get_text() for text in figure.axes[0].texts] == ["540"]
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).nonzero()[0] == [4]


def test_seeds_are_one_arm_and_their_overhead_is_taken_pair_by_pair(study):
    models = [
        model | {"name": f"{model['name']} {seed}", "record": {"recipe": {"data": "shapes", "seed": seed}}}
        for model in study.models[:2]
        for seed in (0, 1)
    ]
    pace = {"plain 0": 10.0, "plain 1": 20.0, "selective 0": 11.0, "selective 1": 26.0}
    history = pd.DataFrame([{"model": name, "epoch": 1, "seconds": seconds} for name, seconds in pace.items()])
    each = replace(study, models=tuple(models), tables=study.tables | {"history": history})
    ax = FIGURES["epoch_time"].draw(each)["epoch_time"].axes[1]
    assert [text.get_text() for text in ax.texts] == ["", "+20 %\n+10 to +30, 2 seeds"]
    assert_allclose([line.get_ydata()[0] for line in ax.lines], [15, 18.5])


def test_indicators_by_epoch_are_the_means_over_heads(drawn, study):
    pages = drawn["indicators_by_epoch"]
    assert set(pages) == {"indicators_by_epoch", "indicators_by_epoch_sigma"}
    for page, indicator, model, columns in (("", "sparsity", "plain", 4), ("_sigma", "effective_rank", "svda", 2)):
        axes = pages[f"indicators_by_epoch{page}"].axes
        first = next(number for number, ax in enumerate(axes) if INDICATORS[indicator].label in ax.get_ylabel())
        mine = study.tables["tracked"].query(f"model == '{model}' and indicator == '{indicator}'")
        assert_allclose(axes[first].lines[0].get_ydata(), mine.groupby("epoch")["value"].mean())
        last = axes[first + columns - 1].lines[0].get_ydata()
        assert_allclose(last, mine.query("epoch == 2").groupby("layer")["value"].mean())


def test_each_model_has_its_column_and_the_panels_of_a_row_one_axis_from_0(drawn):
    axes = np.array(drawn["indicators_by_epoch"]["indicators_by_epoch"].axes).reshape(-1, 4)
    assert [ax.get_title() for ax in axes[0]] == [
        "plain\nsoftmax",
        "selective\nhard tau .05",
        "svda",
        "after the last epoch",
    ]
    for row in axes:
        assert len({ax.get_ylim() for ax in row}) == 1
        assert row[0].get_ylim()[0] >= 0


def test_the_six_svda_indicators_fill_twelve_panels(drawn):
    axes = drawn["svda_indicators"]["svda_indicators"].axes
    assert {ax.get_title() for ax in axes if "sigma" in ax.get_title()} == {
        "spectral entropy\nof learned sigma", "effective rank\nof learned sigma", "spectral sparsity\nof learned sigma",
    }  # fmt: skip
    assert Counter(ax.get_xlabel() for ax in axes) == {"epoch": 6, "layer": 6}


def test_what_did_not_move_has_no_panel_and_stands_in_the_caption(study):
    tracked = study.tables["tracked"]
    still = tracked.assign(value=tracked["value"].where(tracked["kind"] != "sigma", 3.46))
    changed = replace(study, tables=study.tables | {"tracked": still})
    entry = FIGURES["svda_indicators"]
    assert len(entry.draw(changed)["svda_indicators"].axes) == 6
    assert entry.told(changed).endswith(
        "Without a panel, for it differs by less than 1% (a share by less than 0.01) throughout: "
        "spectral entropy of learned sigma (3.46), "
        "effective rank of learned sigma (3.46), spectral sparsity of learned sigma (3.46)."
    )
    assert entry.told(study) == entry.caption
    dead = study.tables["indicators"]["indicator"] == "dead_rows"
    indicators = study.tables["indicators"].assign(value=study.tables["indicators"]["value"].where(~dead, 0.0))
    quiet = replace(study, tables=study.tables | {"indicators": indicators})
    axes = FIGURES["sparsity_by_layer"].draw(quiet)["sparsity_by_layer"].axes
    assert [ax.get_title().partition("\n")[0] for ax in axes] == ["sparsity", "retained mass"]
    assert FIGURES["sparsity_by_layer"].told(quiet).endswith("throughout: dead rows (0).")


def test_the_sweep_stars_the_free_tau_on_the_accuracy_of_its_model(drawn):
    figure = drawn["sweep"]["sweep_threshold"]
    stars = [drawn for drawn in figure.axes[0].collections if isinstance(drawn, PathCollection)]
    assert_allclose([star.get_facecolor()[0][:3] for star in stars], plots.colors(3))
    assert_allclose([star.get_offsets()[0] for star in stars], [[0.01, 0.89], [0.01, 0.88], [0.01, 0.87]])
    assert "free tau: a loss of 1.0 points is excluded" in legend(figure)


def test_rho_runs_from_one_to_less_and_shows_what_is_removed(drawn):
    figure = drawn["sweep"]["sweep_sigma_retention"]
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "accuracy (share)", "same prediction as loaded\n(share)", "directions removed (share)",
    ]  # fmt: skip
    assert all(ax.xaxis_inverted() for ax in figure.axes)
    assert_allclose(figure.axes[2].lines[0].get_xydata(), [[0.5, 0.5], [0.9, 0.1], [1, 0]], atol=1e-12)
    assert to_rgb(figure.axes[2].lines[0].get_color()) == to_rgb(plots.colors(3)[2])
    assert figure.get_suptitle().split("\n") == ["Spectral energy retention, over 640 images", "svda, N = 25 tokens"]
    assert [text.partition(":")[0] for text in legend(figure)] == ["free rho"]


def test_layers_swept_alone_are_rows_of_one_scale(drawn):
    assert list(drawn["sweep_by_layer"]) == ["sweep_by_layer_threshold"]
    figure = drawn["sweep_by_layer"]["sweep_by_layer_threshold"]
    for ax in figure.axes[:3]:
        assert [text.get_text() for text in ax.texts] == 2 * ["0.0", "-1.0", "-5.0"]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "0.01", "0.05"]
    assert len({ax.collections[0].get_clim() for ax in figure.axes[:3]}) == 1


def test_many_taus_of_many_models_keep_their_ticks(study):
    sweep = study.tables["sweep"].query("strength == 0")
    taus = [0.001 * index for index in range(20)]
    many = pd.concat([sweep.assign(strength=tau) for tau in taus], ignore_index=True)
    figure = FIGURES["sweep_by_layer"].draw(replace(study, tables=study.tables | {"sweep": many}))
    ax = figure["sweep_by_layer_threshold"].axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == [f"{tau:g}" for tau in taus]


def test_the_atlas_places_each_head_by_its_entropy_and_rank(drawn, study):
    ax = drawn["head_atlas"]["head_atlas"].axes[0]
    survey = study.tables["survey"].query("model == 'svda'").set_index(["layer", "head"])
    entropy = survey.query("indicator == 'attention_entropy'")["mean"]
    rank = survey.query("indicator == 'effective_rank'")["mean"]
    found = [marks for marks in ax.collections if isinstance(marks, PathCollection)]
    assert_allclose(found[2].get_offsets(), np.stack([entropy, rank], axis=1))
    assert_allclose(found[2].get_facecolor()[0][:3], plots.colors(3)[2])
    corners = drawn["head_atlas"]["head_atlas"].axes[1].lines[0].get_xydata()
    assert_allclose(corners, [[np.log(25), 1], [0, 1], [0, 25]])


def test_the_atlas_fits_its_axes_and_shows_depth_without_lines(drawn):
    figure = drawn["head_atlas"]["head_atlas"]
    places = np.concatenate([marks.get_offsets() for marks in figure.axes[0].collections])
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert np.ptp(places[:, 0]) > 0.85 * (right - left)
    assert np.log(places[:, 1].max() / places[:, 1].min()) > 0.85 * np.log(high / low)
    assert legend(figure)[-2:] == ["first layer", "last layer"]
    assert {handle.get_linestyle() for handle in figure.legends[0].legend_handles} == {"None"}


def test_corners_of_197_and_198_tokens_are_told_without_collision(study):
    models = tuple(model | {"tokens": count} for model, count in zip(study.models, (197, 198, 197), strict=True))
    figure = FIGURES["head_atlas"].draw(replace(study, models=models))["head_atlas"]
    figure.draw_without_rendering()
    written = [text for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text()]
    boxes = [text.get_window_extent() for text in written]
    assert not [(one, other) for one, other in itertools.combinations(boxes, 2) if one.overlaps(other)]
    assert figure.axes[1].get_title().endswith("N = 197, 198 tokens")


def test_without_a_rank_of_attention_there_is_no_atlas(study):
    survey = study.tables["survey"].query("indicator != 'effective_rank'")
    assert not FIGURES["head_atlas"].applies(replace(study, tables=study.tables | {"survey": survey}))


def test_an_indicator_that_only_a_file_knows_is_drawn_under_its_name(study):
    tracked = study.tables["tracked"].replace({"indicator": {"sparsity": "sparsity_of_old"}})
    pages = FIGURES["indicators_by_epoch"].draw(replace(study, tables=study.tables | {"tracked": tracked}))
    assert "sparsity_of_old\n(value)" in {ax.get_ylabel() for ax in pages["indicators_by_epoch"].axes}


def test_models_are_called_as_somebody_says_in_every_figure(study):
    names = {"plain": "Softmax (ours)", "svda": "SVDA"}
    for name, entry in FIGURES.items():
        for figure in entry.draw(study, names=names).values():
            said = texts(figure) | {figure.get_suptitle()}
            assert not any("plain" in text for text in said), name
    entries = legend(FIGURES["training_curves"].draw(study, names)["training_curves"])
    assert entries[0] == "Softmax (ours): softmax, N = 25 tokens"


def test_one_model_is_named_in_the_title_and_has_no_legend_of_one(study):
    tables = study.tables
    own = {name: table[table["model"] == "selective"] for name, table in tables.items() if "model" in table}
    arrays = {key.replace("/1", "/0"): array for key, array in study.arrays.items() if "/1" in key}
    alone = replace(study, models=study.models[1:2], tables=tables | own, arrays=arrays)
    for name, entry in FIGURES.items():
        if name == "overlay_grid":
            continue
        for figure in entry.draw(alone).values():
            assert not any("selective" in text for each in figure.legends for text in legend(figure)), name
            assert "selective" in "".join(texts(figure) | {figure.get_suptitle()}), name

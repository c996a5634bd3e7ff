"""What a reader must know before believing a picture."""

from collections.abc import Iterator
from itertools import islice

from interpret.interventions import INTERVENTIONS
from interpret.report.table import groups
from interpret.study.quantities import POINTS
from interpret.study.statistics import images_to_exclude, unseen_share
from interpret.study.study import Study


def caveats(study: Study) -> list[str]:
    """One line for each thing that was found."""
    checks = (
        _unreadable,
        _without_target,
        _silent_maps,
        _dead_rows,
        _wrong,
        _undefined,
        _unequal,
        _unnamed,
        _too_few,
        _assumed,
    )
    return [line for check in checks for line in check(study)]


def clean(study: Study) -> list[str]:
    """What was looked for, to be said where nothing was found."""
    looked = {
        "every map carries evidence": len(study.tables["maps"]) > 0,
        "no query lost all its tokens": "dead_rows" in set(study.tables["indicators"]["indicator"]),
        "every labelled image is classified rightly": bool(study.tables["predictions"]["correct"].notna().any()),
    }
    return [label for label, done in looked.items() if done]


def _unreadable(study: Study) -> Iterator[str]:
    left_out = study.settings.get("unreadable", {})
    if left_out:
        names = ", ".join(islice(left_out, 5)) + (", ..." if len(left_out) > 5 else "")
        yield f"Left out, for they cannot be read: {len(left_out)} image{'s' * (len(left_out) > 1)} ({names})."
    if study.settings.get("passed_over"):
        yield f"Of {study.settings['data']}, not looked at: {study.settings['passed_over']}."


def _without_target(study: Study) -> Iterator[str]:
    names = study.settings.get("left_out", [])
    if names:
        yield (
            f"{', '.join(names)} need{'s' * (len(names) == 1)} a target to explain, for no class is predicted here: "
            "left out (interpret.attribute takes target=)."
        )


def _silent_maps(study: Study) -> Iterator[str]:
    """What shows nothing on as many images for one reason is said at once."""
    table = study.tables["maps"]
    silent = table.loc[table["status"] != "ok"] if len(table) else table.assign(attribution="", status="", message="")
    alike: dict[tuple[str, str, str, int], list[str]] = {}
    for (model, attribution, status, message), rows in groups(silent, "model", "attribution", "status", "message"):
        alike.setdefault((model, status, message, len(rows)), []).append(attribution)
    for (model, status, message, count), names in alike.items():
        reason = ": ".join(filter(None, [status, message]))
        shows = f"{', '.join(names)} show{'s' * (len(names) == 1)} nothing"
        yield f"{model}: {shows} on {count} of {len(study.image_ids)} images ({reason})."


def _dead_rows(study: Study) -> Iterator[str]:
    table = study.tables["indicators"]
    dead = table.loc[(table["indicator"] == "dead_rows") & (table["value"] > 0)]
    for (model, unit), rows in groups(dead, "model", "unit"):
        worst = rows.loc[rows["value"].idxmax()]
        yield (
            f"{model}: some queries keep no token at all and attend to nothing, at most {worst['value']:.3g} ({unit}) "
            f"in layer {worst['layer']}, head {worst['head']}, image {worst['image']}."
        )
    survey = study.tables["survey"]
    elsewhere = survey[(survey["indicator"] == "dead_rows") & (survey["mean"] > 0)] if len(survey) else survey
    for model, rows in elsewhere.groupby("model", sort=False) if len(elsewhere) else ():
        if model not in set(dead["model"]):
            yield (
                f"{model}: some queries keep no token at all on images of the survey that are not shown, "
                f"{rows['mean'].max():.3g} of them in the worst head."
            )


def _wrong(study: Study) -> Iterator[str]:
    table = study.tables["predictions"]
    wrong = table.loc[table["correct"].notna() & (table["predicted"] != table["label"])]
    for (model,), rows in groups(wrong, "model"):
        names = ", ".join(rows["image"].head(5)) + (", ..." if len(rows) > 5 else "")
        yield (
            f"{model} misclassifies {len(rows)} of these images ({names}); its class-specific maps explain the class "
            "at the row."
        )


def _undefined(study: Study) -> Iterator[str]:
    table = study.tables["indicators"]
    for (model, indicator), rows in groups(table.loc[table["value"].isna()], "model", "indicator"):
        yield f"{model}: {indicator} is undefined in {len(rows)} cases, which are left out of means and plots."


def _unequal(study: Study) -> Iterator[str]:
    if len({model["tokens"] for model in study.models}) > 1:
        tokens = ", ".join(f"{model['name']} {model['tokens']}" for model in study.models)
        yield (
            f"The models see different numbers of tokens ({tokens}): compare thresholds by tau N, not by tau; "
            "attention and rollout are shares of N tokens, so their colours differ for that reason alone."
        )


def _unnamed(study: Study) -> Iterator[str]:
    labelled = study.tables["predictions"].dropna(subset="correct")
    for model in study.models:
        if not model["named"] and model["name"] in set(labelled["model"]):
            yield f"{model['name']} carries no class names: its outputs are assumed to be in the order of the labels."


def _assumed(study: Study) -> Iterator[str]:
    for model in study.models:
        if model["assumed"]:
            yield f"{model['name']}: {'; '.join(model['assumed'])}."


def _too_few(study: Study) -> Iterator[str]:
    """What so many images cannot say of a setting, and how many could; some are set aside by an intervention."""
    table = study.tables["operating_points"]
    labelled = table.loc[table["labelled"]] if len(table) else table
    for (intervention,), rows in groups(labelled, "intervention") if len(labelled) else ():
        count, points = int(rows["n"].iloc[0]), float(rows["points"].iloc[0])
        least = unseen_share(count)
        if POINTS * least > points:
            aside = max(0, study.settings.get("sample", count) - count)
            yield (
                f"The sweep of {INTERVENTIONS[intervention].strength} saw {count} images, too few to exclude a loss of "
                f"{points:.1f} points of accuracy at a setting that changes the model: where not one of them changes, "
                f"{POINTS * least:.1f} points are still possible (95 %). --sample "
                f"{images_to_exclude(points / POINTS) + aside} could exclude it."
            )

"""The card of a trained model: what a reader must know before they trust a figure of it."""

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from interpret.foundation.text import printable
from interpret.indicators import INDICATORS
from interpret.models import history
from interpret.models.loaded_model import LoadedModel
from interpret.study.statistics import wilson_interval
from interpret.train.provenance import duration
from interpret.train.tracking import TRACKED_IMAGES

SAID_ELSEWHERE = ("data", "mechanism", "options", "backbone", "architecture", "epochs", "seed", "track", "save_dtype")


def card(model: LoadedModel) -> str:
    """A page in Markdown, from its provenance: command, data, accuracy with its interval, indicators, limits."""
    environment = Environment(
        loader=PackageLoader("interpret.train", "."), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    return environment.get_template("card.md").render(
        model=model,
        provenance=model.provenance,
        recipe=model.provenance["recipe"],
        facts=_facts(model),
        indicators=_indicators(model),
        images=min(TRACKED_IMAGES, model.provenance["images"]["validation"]),
        limits=_limits(model),
    )


def _facts(model: LoadedModel) -> dict[str, str]:
    provenance, recipe = model.provenance, model.provenance["recipe"]
    images, best = provenance["images"], provenance["best_epoch"]
    low, high = wilson_interval(provenance["test_accuracy"], images["test"])
    kept = model.history[best - 1]["validation_accuracy"]
    return {
        "attention": _attention(model),
        "architecture": f"{model.spec.backbone} with {_listed(recipe['architecture'])}; N = {model.grid.tokens} tokens",
        "data": f"{recipe['data'].partition(':')[0]}: {images['train']:,} training, {images['validation']:,} "
        f"validation, {images['test']:,} test images; what validates is never the test part",
        "weights": f"of epoch {best} of {len(model.history)}, the highest validation accuracy ({100 * kept:.2f} %); "
        f"kept as {recipe['save_dtype']}"
        + ", but what a mechanism learns as float32"
        * (recipe["save_dtype"] != "float32"),
        "accuracy": f"{100 * provenance['test_accuracy']:.2f} % (n = {images['test']:,}, measured once), 95 % interval "
        f"(Wilson) {100 * low:.2f} to {100 * high:.2f} %",
        "time": f"{duration(provenance['seconds'])} on {provenance['machine']}, reading the data included",
        "versions": _listed(provenance["versions"]),
        "recipe": _listed({name: value for name, value in recipe.items() if name not in SAID_ELSEWHERE}),
    }


def _attention(model: LoadedModel) -> str:
    tau = model.spec.options.get("tau")
    return model.spec.rule if tau is None else f"{model.spec.rule}, tau N = {tau * model.grid.tokens:.2f}"


def _listed(values: dict[str, object]) -> str:
    return ", ".join(printable(f"{name} {value}") for name, value in values.items() if value is not None)


def _indicators(model: LoadedModel) -> list[dict[str, str]]:
    table = history.indicators(model.history)
    kept = table.loc[table["epoch"] == model.provenance["best_epoch"]]
    pairs = kept[["indicator", "kind"]].drop_duplicates().itertuples(index=False)
    return [
        _row(name, kind, kept.loc[(kept["indicator"] == name) & (kept["kind"] == kind), "value"])
        for name, kind in pairs
    ]


def _row(name: str, kind: str, values: pd.Series) -> dict[str, str]:
    entry = INDICATORS[name]
    numbers = {each: f"{values.agg(each):.3g}" for each in ("mean", "min", "max")}
    return {"label": entry.label, "kind": kind, "unit": entry.unit} | numbers


def _limits(model: LoadedModel) -> list[str]:
    limits = [
        "One seed: the interval covers the drawing of test images, not of seeds. A difference to another model is one "
        "between two models, no evidence about their mechanisms.",
        "The order of floating-point sums differs between machines and thread counts: a run elsewhere gives other "
        "weights and about the same accuracy.",
    ]
    if any(INDICATORS[name].own for name in model.provenance["recipe"].get("track", ())):
        limits.append(
            "Spectral entropy, effective rank, spectral sparsity, angular alignment, selectivity index and "
            "perturbation robustness are definitions of this toolkit, not verified against the SVDA paper."
        )
    if "tau" in model.spec.options:
        limits.append("A tau has its meaning only beside N: what is at or below tau N times the uniform 1/N is cut.")
    return limits

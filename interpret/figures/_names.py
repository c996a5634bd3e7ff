"""What figures call the models: short, and still different."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from interpret.study.study import Study

LONGEST = 32
"""Signs of a name, at most."""


def shown(study: Study) -> Study:
    """The study with what figures call each model, under "shown": as somebody said, else short and still different."""
    short_ones = shortened([_worded(model) for model in study.models if "shown" not in model])
    unnamed = iter(short_ones)
    names = [model["shown"] if "shown" in model else next(unnamed) for model in study.models]
    if len(set(names)) < len(names):
        names = [model["name"] for model in study.models]
    models = (model | {"shown": name} for model, name in zip(study.models, names, strict=True))
    return replace(study, models=tuple(models))


def of(model: dict) -> str:
    """What figures call a model."""
    return model.get("shown", model["name"])


def rule(text: str) -> str:
    """A rule in words: "hard_threshold tau=0.01" is "hard tau .01"."""
    return re.sub(r"tau=(0(?=\.))?", "tau ", text.replace("_threshold", ""))


def unsaid(model: dict) -> str:
    """What its name does not say of a model's rule."""
    said = of(model).split()
    return " ".join(word for word in rule(model["rule"]).split() if word not in said)


def shortened(names: Sequence[str], length: int = LONGEST) -> list[str]:
    """Names without the words that all begin with, and of at most `length` signs as long as that tells them apart."""
    parted = _without_common(names)
    for cut in (short, _beginning, _end):
        texts = [cut(name, length) for name in parted]
        if len(set(texts)) == len(set(names)):
            return texts
    return list(names)


def short(text: str, length: int = LONGEST) -> str:
    """Text of at most `length` signs; what is left out of its middle is shown as an ellipsis."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def wrapped(text: str, width: int) -> str:
    """The lines of a text, none longer than `width` signs."""
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def _worded(model: dict) -> str:
    """The name of a model; its mechanism, where that is part of the name, is said in words, with its threshold."""
    mechanism = model.get("mechanism") or model["rule"]
    words = " ".join(word for word in rule(model["rule"]).split() if "=" not in word)
    return re.sub(rf"[-_. ]*{re.escape(mechanism)}", lambda _: f" {words}", model["name"], count=1).strip()


def _without_common(names: Sequence[str]) -> list[str]:
    """The names without the words that all of them begin with; a word at least is left of each."""
    words = [re.split(r"(?<=[-_/ ])", name) for name in names]
    firsts = zip(*(each[:-1] for each in words), strict=False)
    common = len(list(takewhile(lambda column: len(set(column)) == 1, firsts))) if len(names) > 1 else 0
    return ["".join(each[common:]) for each in words]


def _beginning(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"


def _end(text: str, length: int) -> str:
    return text if len(text) <= length else f"\N{HORIZONTAL ELLIPSIS}{text[1 - length :]}"

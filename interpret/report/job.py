"""What the command does: load, look, write."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from interpret.attributions import ATTRIBUTIONS
from interpret.data import Dataset, load_data, open_images
from interpret.foundation.errors import InterpretError
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models.device import usable
from interpret.models.loaded_model import LoadedModel
from interpret.models.loading import load
from interpret.models.objective import undefined_without_target
from interpret.models.overrides import overrides
from interpret.report.early import given_once, place
from interpret.report.pack import write_pack
from interpret.study.processes import alive_together
from interpret.study.run import run_study
from interpret.study.store import Store
from interpret.study.study import Study


def report(arguments: argparse.Namespace) -> Path | None:
    """Do what the command's arguments ask for; the path of the page, None in all processes but the one that wrote it.

    Raises:
        InterpretError: for anything the user can mend.
    """
    with processes(cpu=not str(usable(arguments.device)).startswith("cuda")) as first:
        study = look(arguments)
    return write_pack(study, place(arguments), overwrite=arguments.overwrite) if first else None


@contextmanager
def processes(*, cpu: bool) -> Iterator[bool]:
    """Scope in which the processes that a launcher started share the work; whether this one is the first.

    They end together, in time: see `alive_together`.

    Raises:
        InterpretError: there are several processes and accelerate is not installed.
    """
    if "WORLD_SIZE" not in os.environ:
        yield True
        return
    try:
        from accelerate import PartialState
    except ModuleNotFoundError as error:
        raise InterpretError("several processes need accelerate: pip install 'interpret-vit[train]'") from error
    state = PartialState(cpu=cpu)
    try:
        with alive_together("python -m interpret.report"):
            yield state.is_main_process
    finally:
        state.destroy_process_group()


def look(arguments: argparse.Namespace) -> Study:
    """The study that the command's arguments ask for."""
    models = load_all(arguments)
    attributions, left_out = (arguments.attributions, []) if arguments.attributions else _attributions(models)
    study = run_study(
        models,
        choose_data(arguments, models),
        attributions=attributions,
        indicators=arguments.indicators,
        **({"sweeps": dict(arguments.sweep)} if arguments.sweep else {}),
        limit=arguments.limit,
        sample=arguments.sample,
        by_layer=arguments.by_layer,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        store=Store(arguments.store) if arguments.store else None,
    )
    said = {"command": arguments.command} | ({"left_out": left_out} if left_out else {})
    return replace(study, settings=study.settings | said)


def _attributions(models: Sequence[LoadedModel]) -> tuple[list[str], list[str]]:
    """All, and those that are left out: where none of the models has something to explain, what needs a target."""
    undefined = all(map(undefined_without_target, models))
    left_out = [name for name, entry in ATTRIBUTIONS.items() if entry.class_specific and undefined]
    return [name for name in ATTRIBUTIONS if name not in left_out], left_out


def load_all(arguments: argparse.Namespace) -> list[LoadedModel]:
    """The checkpoints in the order given, under names that tell them apart."""
    paths = arguments.checkpoints
    given_once(paths)
    models = [_load(path, own, arguments) for path, own in zip(paths, arguments.overrides, strict=True)]
    count = Counter(model.name for model in models)
    return [
        model if count[model.name] == 1 else replace(model, name=f"{model.name} ({_below(path)})")
        for model, path in zip(models, paths, strict=True)
    ]


def _below(path: Path) -> str:
    return printable(f"{path.parent.name}/{path.name}")


def _load(path: Path, own: dict[str, Any], arguments: argparse.Namespace) -> LoadedModel:
    """The model of a file; what is said of it alone wins over what is said of all.

    The threshold of all is not given to a file whose mechanism is named and has none.
    """
    known = overrides(arguments)
    mechanism = (known | own).get("mechanism")
    if mechanism and "tau" not in MECHANISMS[mechanism].options:
        known.pop("tau", None)
    return load(path, **(known | own), device=arguments.device)


def choose_data(arguments: argparse.Namespace, models: Sequence[LoadedModel]) -> Dataset:
    """The images asked for; else `shapes` where the first model was trained on them; else `photos`.

    One folder keeps the labels that its class folders give; listed files have none.
    """
    paths = arguments.images
    if paths:
        return load_data(f"imagefolder:{paths[0]}") if paths[0].is_dir() and len(paths) == 1 else open_images(paths)
    learned = models[0].provenance.get("recipe", {}).get("data")
    return load_data(arguments.data or ("shapes" if learned == "shapes" else "photos"))

"""How far a run has come, and the file that an interrupted run goes on from."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from interpret.foundation.errors import InterpretError, read_as
from interpret.foundation.files import place_name
from interpret.models import checkpoint
from interpret.train.recipe import Recipe
from interpret.train.run import Run
from interpret.train.tracking import track

MAY_DIFFER = ("device", "patience")
"""Fields of a recipe that an interrupted run may go on with changed."""


@dataclass
class Progress:
    """The epochs done, and the one of the highest validation accuracy, the earliest of equals, with its weights."""

    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def advance(self, run: Run) -> None:
        """Train one epoch more and note what came of it."""
        epoch = len(self.history) + 1
        row = run.epoch(epoch)
        run.check_finite()
        self.history.append(row | {"indicators": track(run)})
        if row["validation_accuracy"] > self.best_accuracy:
            self.best_epoch, self.best_accuracy = epoch, row["validation_accuracy"]
            self.best_weights = {
                key: tensor.detach().cpu().clone() for key, tensor in run.measured.state_dict().items()
            }

    def save(self, run: Run, path: Path) -> None:
        """Write all that the next epoch depends on, whole or not at all."""
        average = None if run.average is None else run.average.module.state_dict()
        payload = dataclasses.asdict(self) | {
            "recipe": dataclasses.asdict(run.recipe),
            "model": run.vit.state_dict(),
            "average": average,
            "optimizer": run.optimizer.state_dict(),
            "updates": run.updates,
            "random": [torch.get_rng_state(), *torch.cuda.get_rng_state_all()],
        }
        checkpoint.write(path, payload)

    @classmethod
    def restore(cls, run: Run, path: Path) -> "Progress":
        """Put `run` where `save` left it: on a CPU the next epoch is bit for bit what it would have been.

        Raises:
            CheckpointError: the file cannot be read.
            InterpretError: it is of another recipe.
        """
        payload = checkpoint.read(path)
        with read_as(str(path), "the state of an interrupted run"):
            check_same_recipe(payload["recipe"], run.recipe, path)
            run.vit.load_state_dict(payload["model"])
            if run.average is not None:
                run.average.module.load_state_dict(payload["average"])
            run.optimizer.load_state_dict(payload["optimizer"])
            run.updates = payload["updates"]
            torch.set_rng_state(payload["random"][0])
            if len(payload["random"]) > 1:
                torch.cuda.set_rng_state_all(payload["random"][1:])
            return cls(**{each.name: payload[each.name] for each in dataclasses.fields(cls)})


def check_same_recipe(saved: dict[str, Any], recipe: Recipe, path: Path) -> None:
    """Refuse what was made with another recipe; where data and files lie, and what may differ, counts for nothing.

    Raises:
        InterpretError: with the first field that differs.
    """
    given, known = _by_name(dataclasses.asdict(recipe)), _by_name(saved)
    for name, value in given.items():
        if name not in MAY_DIFFER and known.get(name) != value:
            raise InterpretError(
                f"{path} is of a run with {name}={known.get(name)!r}, not {value!r}; give the same options, or "
                "choose another --out"
            )


def _by_name(recipe: dict[str, Any]) -> dict[str, Any]:
    init = recipe.get("init")
    return recipe | {"data": recipe["data"].partition(":")[0], "init": init and place_name(init)}

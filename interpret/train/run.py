"""One run: everything that accelerate placed, an epoch of it, a look at a split."""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.data_loader import DataLoaderShard
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import DataLoaderConfiguration
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy
from tqdm import tqdm

from interpret.data import Dataset, normalise
from interpret.foundation.errors import InterpretError
from interpret.models.model_spec import ModelSpec
from interpret.models.vit import VisionTransformer
from interpret.train.augmentation import augment, seed_draws
from interpret.train.loading import make_loader
from interpret.train.optimisation import adamw, cosine, moving_average
from interpret.train.provenance import forget_peak, peak_memory
from interpret.train.recipe import Recipe

LARGEST_GRADIENT = 1.0
"""Norm to which the gradient of all parameters together is clipped."""


@dataclass
class Run:
    """What an epoch needs."""

    accelerator: Accelerator
    recipe: Recipe
    spec: ModelSpec
    vit: VisionTransformer
    average: ModelEmaV3 | None
    model: nn.Module
    optimizer: AcceleratedOptimizer
    scheduler: CosineLRScheduler
    loaders: dict[str, DataLoaderShard]
    updates: int = 0

    @classmethod
    def start(cls, recipe: Recipe, spec: ModelSpec, vit: VisionTransformer, datasets: dict[str, Dataset]) -> "Run":
        """Place the model, its optimiser and the data; cut them up where there are several processes.

        Raises:
            InterpretError: a device that is not there, data without labels.
        """
        accelerator = _accelerator(recipe)
        size = tuple(vit.patch_embed.img_size)
        aa = {"train": recipe.aa}
        loaders = {
            split: make_loader(data, size, recipe.batch_size, shuffle=split == "train", aa=aa.get(split))
            for split, data in datasets.items()
        }
        average = moving_average(vit, recipe, accelerator.device)
        model, optimizer, *placed = accelerator.prepare(vit, adamw(vit, recipe), *loaders.values())
        scheduler = cosine(optimizer, recipe, math.ceil(len(placed[0]) / recipe.accumulate))
        loaders = dict(zip(loaders, placed, strict=True))
        return cls(accelerator, recipe, spec, vit, average, model, optimizer, scheduler, loaders)

    @property
    def measured(self) -> nn.Module:
        """What is validated and kept: the model, or the moving average of its weights."""
        return self.vit if self.average is None else self.average.module

    def epoch(self, number: int) -> dict[str, Any]:
        """Learn from the training split once, look at the validation split; what the history keeps of it."""
        begun = time.perf_counter()
        forget_peak(self.accelerator.device)
        loss, accuracy = self._learn(number)
        learnt = time.perf_counter()
        validation_loss, validation_accuracy = self.evaluate("validation")
        seconds, validation_seconds = learnt - begun, time.perf_counter() - learnt
        return {
            "epoch": number,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "seconds": seconds,
            "images_per_second": self._images("train") / seconds,
            "validation_seconds": validation_seconds,
            "validation_images_per_second": self._images("validation") / validation_seconds,
            "peak_memory_mb": peak_memory(self.accelerator.device),
            "lr": self.optimizer.param_groups[0]["lr"],
        }

    @torch.no_grad()
    def evaluate(self, split: str) -> tuple[float, float]:
        """Mean cross-entropy and accuracy over a split, as it is."""
        self.measured.eval()
        meter = self._meter()
        for images, labels in self._batches(split, split):
            self._add(meter, self.measured(self._input(images)), labels)
        return _read(meter)

    def _learn(self, number: int) -> tuple[float, float]:
        self.loaders["train"].set_epoch(number)
        seed_draws(self.recipe.seed, number, self.accelerator.process_index)
        self.model.train()
        meter = self._meter()
        for images, labels in self._batches("train", f"epoch {number}/{self.recipe.epochs}"):
            moved = augment(images, self.recipe.shift, self.recipe.hflip, self.recipe.vflip)
            with self.accelerator.accumulate(self.model):
                logits = self.model(self._input(moved))
                self._step(F.cross_entropy(logits, labels))
            self._add(meter, logits.detach(), labels)
        return _read(meter)

    def _step(self, loss: Tensor) -> None:
        if not loss.isfinite():
            raise self._diverged(f"the training loss became {loss.item()}")
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients:
            self.accelerator.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.accelerator.sync_gradients:
            self.updates += 1
            self.scheduler.step_update(self.updates)
            if self.average is not None:
                self.average.update(self.vit, step=self.updates)

    def check_finite(self) -> None:
        """Refuse weights that the last update of an epoch, whose loss no step has looked at, made useless.

        Raises:
            InterpretError: a weight is NaN or infinite.
        """
        broken = [name for name, weight in self.vit.named_parameters() if not weight.isfinite().all()]
        if broken:
            raise self._diverged(f"{broken[0]} became NaN or infinite")

    def _diverged(self, what: str) -> InterpretError:
        advice = "lower --lr, lengthen --warmup-epochs or leave out --amp"
        return InterpretError(f"{what} after {self.updates} updates; {advice}")

    def _input(self, images: Tensor) -> Tensor:
        return normalise(images, self.spec.mean, self.spec.std)

    def _batches(self, split: str, title: str) -> tqdm:
        silent = None if self.accelerator.is_main_process else True
        return tqdm(self.loaders[split], desc=title, leave=False, disable=silent)

    def _images(self, split: str) -> int:
        return len(self.loaders[split].dataset)

    def _meter(self) -> MetricCollection:
        accuracy = MulticlassAccuracy(len(self.spec.classes), average="micro", sync_on_compute=False)
        meter = MetricCollection(
            {"loss": MeanMetric(nan_strategy="disable", sync_on_compute=False), "accuracy": accuracy}
        )
        return meter.to(self.accelerator.device)

    def _add(self, meter: MetricCollection, logits: Tensor, labels: Tensor) -> None:
        """Count a batch, gathered from all processes and freed of the images that only fill the last one up."""
        logits, labels = self.accelerator.gather_for_metrics((logits.float(), labels))
        meter["loss"].update(F.cross_entropy(logits, labels), len(labels))
        meter["accuracy"].update(logits, labels)


def _read(meter: MetricCollection) -> tuple[float, float]:
    return meter["loss"].compute().item(), meter["accuracy"].compute().item()


def _accelerator(recipe: Recipe) -> Accelerator:
    """The device or devices of this run; a batch is divided among the processes."""
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise InterpretError("--device cuda: this machine has no CUDA device; use --device auto")
    order = DataLoaderConfiguration(use_seedable_sampler=True, split_batches=True, data_seed=1_000_003 * recipe.seed)
    accelerator = Accelerator(
        cpu=recipe.device == "cpu",
        mixed_precision="bf16" if recipe.amp else "no",
        gradient_accumulation_steps=recipe.accumulate,
        dataloader_config=order,
    )
    if recipe.batch_size % accelerator.num_processes:
        raise InterpretError(
            f"--batch-size {recipe.batch_size} cannot be divided among {accelerator.num_processes} processes; give a "
            "multiple of their number"
        )
    return accelerator

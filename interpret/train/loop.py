"""The run: epochs on the training split, a choice on the validation split, one measurement on the test split."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from tqdm import tqdm

from interpret.data import Dataset, as_tensors, load_data, normalise
from interpret.errors import InterpretError
from interpret.loaded_model import LoadedModel, ModelSpec, from_memory
from interpret.train.augmentation import augment
from interpret.train.optimisation import adamw, cosine
from interpret.train.recipe import Recipe
from interpret.train.record import describe
from interpret.vit import VisionTransformer

SPLITS = ("train", "validation", "test")
LARGEST_GRADIENT = 1.0
"""Norm to which the gradient of all parameters together is clipped."""

logger = logging.getLogger(__name__)


@dataclass
class Best:
    """The epoch of the highest validation accuracy so far, the earliest one of equals, and its weights."""

    epoch: int = 0
    accuracy: float = -1.0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def consider(self, epoch: int, accuracy: float, model: nn.Module) -> None:
        """Keep a copy of the weights if `accuracy` is higher."""
        if accuracy > self.accuracy:
            self.epoch, self.accuracy = epoch, accuracy
            self.weights = {key: tensor.detach().clone() for key, tensor in model.state_dict().items()}


def train(recipe: Recipe, name: str, command: str) -> LoadedModel:
    """Train a model as `recipe` says; its history and its record come with it.

    The test split is looked at once, after everything is chosen, in full precision and with the weights as saved.

    Args:
        name: what tables and figures will call the model.
        command: what the record says the model was made with.

    Raises:
        InterpretError: an unknown name, a data set without labels, a device that is not there, a loss that is NaN.
    """
    begun = time.perf_counter()
    accelerator = _accelerator(recipe)
    set_seed(recipe.seed)
    datasets = {split: load_data(recipe.data, split)[: recipe.limit] for split in SPLITS}
    spec = recipe.spec(datasets["train"].classes)
    vit = spec.build()
    if recipe.weight_init:
        vit.init_weights(recipe.weight_init)
    run = _Run.start(accelerator, recipe, spec, vit, datasets)
    history, best = _epochs(run, vit)
    vit.load_state_dict(best.weights)
    vit.to(recipe.dtype).to(torch.float32)
    run.model = accelerator.unwrap_model(run.model, keep_fp32_wrapper=False)
    _, accuracy = run.evaluate("test")
    logger.info("test accuracy %.4f on %d images, epoch %d", accuracy, len(datasets["test"]), best.epoch)
    record = describe(recipe, command, vit, {split: len(data) for split, data in datasets.items()})
    record |= {"best_epoch": best.epoch, "test_accuracy": accuracy, "seconds": time.perf_counter() - begun}
    return replace(from_memory(vit.cpu(), spec, name), history=history, record=record)


def _epochs(run: "_Run", vit: VisionTransformer) -> tuple[list[dict[str, Any]], Best]:
    history, best = [], Best()
    for epoch in range(1, run.recipe.epochs + 1):
        history.append(run.epoch(epoch))
        logger.info(" ".join(f"{name} {value:.4g}" for name, value in history[-1].items()))
        best.consider(epoch, history[-1]["validation_accuracy"], vit)
        if epoch - best.epoch >= run.recipe.patience:
            break
    return history, best


def _accelerator(recipe: Recipe) -> Accelerator:
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise InterpretError("--device cuda: this machine has no CUDA device; use --device auto")
    return Accelerator(
        cpu=recipe.device == "cpu",
        mixed_precision="bf16" if recipe.amp else "no",
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


@dataclass
class _Run:
    """What an epoch needs: everything that accelerate placed."""

    accelerator: Accelerator
    recipe: Recipe
    spec: ModelSpec
    model: Any
    optimizer: Any
    scheduler: Any
    loaders: dict[str, Any]
    updates: int = 0

    @classmethod
    def start(
        cls,
        accelerator: Accelerator,
        recipe: Recipe,
        spec: ModelSpec,
        vit: VisionTransformer,
        datasets: dict[str, Dataset],
    ) -> "_Run":
        size = tuple(vit.patch_embed.img_size)
        loaders = {split: _loader(data, size, recipe, shuffle=split == "train") for split, data in datasets.items()}
        model, optimizer, *placed = accelerator.prepare(vit, adamw(vit, recipe), *loaders.values())
        scheduler = cosine(optimizer, recipe, len(placed[0]))
        return cls(accelerator, recipe, spec, model, optimizer, scheduler, dict(zip(loaders, placed, strict=True)))

    def epoch(self, number: int) -> dict[str, Any]:
        """Learn from the training split once, look at the validation split; what the history keeps of it."""
        begun = time.perf_counter()
        self.loaders["train"].set_epoch(number)
        self.model.train()
        loss, accuracy = self._pass("train", self._augment, self._learn, f"epoch {number}/{self.recipe.epochs}")
        seconds = time.perf_counter() - begun
        validation_loss, validation_accuracy = self.evaluate("validation")
        return {
            "epoch": number,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "seconds": seconds,
            "images_per_second": len(self.loaders["train"].dataset) / seconds,
            "lr": self.optimizer.param_groups[0]["lr"],
        }

    @torch.no_grad()
    def evaluate(self, split: str) -> tuple[float, float]:
        """Mean cross-entropy and accuracy over a split, as it is."""
        self.model.eval()
        return self._pass(split, lambda images: images, lambda loss: None, split)

    def _pass(
        self, split: str, prepare: Callable[[Tensor], Tensor], learn: Callable[[Tensor], None], title: str
    ) -> tuple[float, float]:
        device = self.accelerator.device
        mean = MeanMetric().to(device)
        accuracy = MulticlassAccuracy(len(self.spec.classes), average="micro").to(device)
        for images, labels in tqdm(self.loaders[split], desc=title, leave=False, disable=None):
            logits = self.model(normalise(prepare(images), self.spec.mean, self.spec.std))
            loss = F.cross_entropy(logits, labels)
            learn(loss)
            mean.update(loss.detach(), len(labels))
            accuracy.update(logits, labels)
        return mean.compute().item(), accuracy.compute().item()

    def _augment(self, images: Tensor) -> Tensor:
        return augment(images, self.recipe.shift, self.recipe.vflip)

    def _learn(self, loss: Tensor) -> None:
        if not loss.isfinite():
            raise InterpretError(
                f"the training loss became {loss.item()} after {self.updates} updates; "
                "lower --lr, lengthen --warmup-epochs or leave out --amp; nothing was written"
            )
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.updates += 1
        self.scheduler.step_update(self.updates)


def _loader(data: Dataset, size: tuple[int, int], recipe: Recipe, *, shuffle: bool) -> DataLoader:
    return DataLoader(TensorDataset(*as_tensors(data, size)), recipe.batch_size, shuffle=shuffle)

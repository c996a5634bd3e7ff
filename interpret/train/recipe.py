"""What is trained, on what, and how. It imports nothing heavy: the command explains its presets with it."""

from dataclasses import dataclass, field
from typing import Any

TRACKED = ("active_tokens", "sparsity", "dead_rows", "spectral_entropy", "effective_rank", "spectral_sparsity")
TRACKED += ("angular_alignment", "selectivity_index", "perturbation_robustness")


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on; saved with the checkpoint.

    Attributes:
        data: "NAME" or "NAME:ROOT".
        architecture: arguments of timm's `VisionTransformer` that differ from the backbone's own.
        options: the mechanism's arguments.
        init: weights to start from, those of attention included: "pretrained" for timm's own, or a checkpoint file;
            None draws them at random.
        weight_init: timm's name of how weights are drawn; None for the backbone's own way, a deviation of 0.02, which
            is small for a narrow model: "jax" (Xavier) leaves the first plateau earlier.
        epochs: at most; the cosine reaches `eta_min` after the last.
        accumulate: gradients of so many batches make one update.
        warmup_epochs: the learning rate rises linearly to `lr` over so many epochs.
        patience: training stops after so many epochs without a better validation accuracy.
        ema: decay of a moving average of the weights, which is then what is validated and kept; None for none.
        shift: training images are moved by up to so many pixels.
        hflip, vflip: training images are turned left-right, upside down with this probability.
        aa: timm's RandAugment or AutoAugment of training images, such as "rand-m9-mstd0.5"; None for none.
        track: indicators measured after every epoch.
        limit: at most so many images of each split, drawn with a fixed seed.
        amp: bfloat16 autocast.
        save_dtype: of the weights in the file; the test accuracy is that of the rounded weights.
    """

    data: str
    mechanism: str = "softmax"
    options: dict[str, Any] = field(default_factory=dict)
    backbone: str = "vit_tiny_patch16_224"
    architecture: dict[str, Any] = field(default_factory=dict)
    init: str | None = None
    weight_init: str | None = None
    epochs: int = 10
    batch_size: int = 128
    accumulate: int = 1
    lr: float = 1e-3
    eta_min: float = 0.0
    weight_decay: float = 0.05
    warmup_epochs: float = 1.0
    patience: int = 5
    seed: int = 0
    ema: float | None = None
    shift: int = 0
    hflip: float = 0.5
    vflip: float = 0.0
    aa: str | None = None
    limit: int | None = None
    device: str = "auto"
    amp: bool = False
    save_dtype: str = "float32"
    track: tuple[str, ...] = TRACKED

"""What the weights of a model do not say."""

from dataclasses import dataclass, field
from typing import Any

from interpret.models.backbones import create_vit
from interpret.models.vit import VisionTransformer, make_attention_explicit


@dataclass(frozen=True)
class ModelSpec:
    """What the weights do not say: how to build the model and how to feed it.

    Attributes:
        backbone: timm's name of the architecture.
        architecture: arguments of timm's `VisionTransformer` that differ from the backbone's own.
        mechanism: registered name of how attention is formed.
        options: the mechanism's arguments, for example {"tau": 0.01}.
        classes: names of the classes, in the order of the logits.
        mean, std: of each channel of the input, on the scale 0 to 1.
        range: the pixel values that are black and white; None for 0 and the largest of so many bits.
        bands: channels that a panel is drawn by, one or three, where the input has others than red, green and blue.
        task: what the outputs are, a name of `TASKS`; "" for what their number says.

    Example:
        >>> import interpret
        >>> interpret.ModelSpec("vit_tiny_patch16_224", {"depth": 2}, "hard_threshold", {"tau": 0.01}).rule
        'hard_threshold tau=0.01'
    """

    backbone: str
    architecture: dict[str, Any] = field(default_factory=dict)
    mechanism: str = "softmax"
    options: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    range: tuple[float, float] | None = None
    bands: tuple[int, ...] = ()
    task: str = ""

    def build(self) -> VisionTransformer:
        """The untrained model.

        Raises:
            InterpretError: timm or the mechanism does not take what stands here.
        """
        return make_attention_explicit(create_vit(self.backbone, **self.architecture), self.mechanism, self.options)

    @property
    def rule(self) -> str:
        """The mechanism with its options, as figures print it, for example "hard_threshold tau=0.01"."""
        return " ".join([self.mechanism, *(f"{name}={value}" for name, value in self.options.items())])

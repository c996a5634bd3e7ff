"""Where the tokens of a model lie."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class PatchGrid:
    """Where tokens lie: `prefix` tokens (CLS, distillation, registers, or none), then rows x cols patches."""

    rows: int
    cols: int
    prefix: int

    def fold(self, tokens: Float[Tensor, "*axes token"]) -> Float[Tensor, "*axes row col"]:
        """Values of the patches on their grid; prefix tokens are dropped here and nowhere else."""
        return tokens[..., self.prefix :].unflatten(-1, (self.rows, self.cols))

    @property
    def tokens(self) -> int:
        """N, prefix and patches."""
        return self.prefix + self.rows * self.cols

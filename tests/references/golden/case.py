"""What one golden number consists of."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Golden:
    """One case: `expected` within `tolerance` (absolute); `defect` is what a known wrong implementation gives."""

    inputs: dict[str, Any]
    expected: Any
    tolerance: float = 1e-6
    defect: Any = None


@dataclass(frozen=True)
class Baseline:
    """What a threshold keeps of unstructured attention: softmax of independent normal logits of one spread."""

    spread: float
    tau: float
    active_tokens: float
    sparsity: float
    relative_tolerance: float = 0.01

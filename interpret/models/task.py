"""What the numbers of an output are: classes of which one is right, labels that may all be, a value, or features."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interpret.foundation.registry import check_name


@dataclass(frozen=True)
class Task:
    """What the numbers of an output are.

    Attributes:
        one: what one of them is called.
        probability: what `shares` gives, in words.
        shares: probabilities (batch, class) from the output; None where it is none.
        exclusive: whether one class of an image is right and all others are wrong, so that accuracy is defined.
    """

    name: str
    one: str
    probability: str = ""
    shares: Callable[[Any], Any] | None = None
    exclusive: bool = False

    def predicted(self, output: Any) -> Any:
        """The most probable class of each image (batch,); None where there are no classes."""
        return None if self.shares is None else output.argmax(dim=-1)


TASKS = {
    task.name: task
    for task in (
        Task("classification", "class", "softmax probability", lambda output: output.softmax(dim=-1), exclusive=True),
        Task("multilabel", "class", "sigmoid probability", lambda output: output.sigmoid()),
        Task("regression", "output"),
        Task("features", "feature"),
    )
}
check_task = functools.partial(check_name, "task", known=list(TASKS))
"""Return the name of a task; raise UnknownNameError where it is none."""


def task_of(said: str, *, classifier: bool, outputs: int) -> Task:
    """As somebody says, else what a model without classifier, with one output, or with several has.

    Args:
        said: name of a task, "" where nobody says it.
    """
    return TASKS[said or ("features" if not classifier else "regression" if outputs == 1 else "classification")]

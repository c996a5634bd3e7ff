"""Where a model runs."""

import os

import torch

from interpret.foundation.errors import InterpretError, first_line


def usable(name: str | torch.device) -> str | torch.device:
    """The device asked for; "auto" is a GPU where there is one, its own for each process of a machine.

    Raises:
        InterpretError: there is no such device here, and why PyTorch refuses it.
    """
    if name == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error).rstrip(".")
        raise InterpretError(f"device {str(name)!r} cannot be used here ({reason}); give cpu or auto") from error
    return name

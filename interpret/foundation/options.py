"""What options may be. Pure: a command refuses them before PyTorch is imported."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from interpret.foundation.errors import InterpretError


def as_numbers(name: str, values: Any) -> list[float]:
    """One number or several, as a list.

    Args:
        name: what such a number is called in messages.

    Raises:
        InterpretError: something that is no finite number.
    """
    listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    try:
        numbers = [math.nan if isinstance(value, str) else float(value) for value in listed]
    except (OverflowError, TypeError, ValueError):
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise InterpretError(f"{name}={values!r}; expected a finite number, or a list of them")
    return numbers


def check_tau(tau: Any) -> float:
    """Return `tau`, a probability below one."""
    if not isinstance(tau, int | float) or not 0 <= tau < 1:
        raise InterpretError(f"tau {tau!r} is outside [0, 1); tau is a threshold on attention probabilities")
    return tau


def check_rho(rho: Any) -> float:
    """Return `rho`, a share that is not zero."""
    if not 0 < rho <= 1:
        raise InterpretError(f"rho {rho} is outside (0, 1]; rho is the share of spectral energy that is kept")
    return rho


def check_share(share: Any) -> float:
    """Return `share`, from none to all."""
    if not 0 <= share <= 1:
        raise InterpretError(f"share {share} is outside [0, 1]; it is the share of heads that is removed")
    return share


def check_eta(eta: Any) -> float:
    """Return `eta`, the size of some noise."""
    if not (eta >= 0 and math.isfinite(eta)):
        raise InterpretError(f"eta {eta} is not a finite number >= 0; eta is the relative size of the noise on sigma")
    return eta


STRENGTHS: dict[str, Callable[[Any], float]] = {
    "threshold": check_tau,
    "sigma_retention": check_rho,
    "head_pruning": check_share,
    "sigma_perturbation": check_eta,
}
"""What checks the strength of an intervention, for a command; one that is not here is checked where it is applied."""


def initial_sigma(sigma_init: str | float, head_dim: int) -> float:
    """The number that `sigma_init` stands for at head width `head_dim`."""
    named = {"one": 1.0, "sqrt_d": head_dim**0.5, "parity": float(head_dim)}
    if isinstance(sigma_init, str) and sigma_init not in named:
        raise InterpretError(f"sigma_init {sigma_init!r} is not one of {', '.join(named)} or a number")
    return named[sigma_init] if isinstance(sigma_init, str) else float(sigma_init)

"""What the options of mechanisms may be. Pure: a command refuses them before PyTorch is imported."""

from interpret.foundation.errors import InterpretError


def check_tau(tau: float) -> float:
    """Return `tau`, a probability below one."""
    if not 0 <= tau < 1:
        raise InterpretError(f"tau {tau} is outside [0, 1); tau is a threshold on attention probabilities")
    return tau


def initial_sigma(sigma_init: str | float, head_dim: int) -> float:
    """The number that `sigma_init` stands for at head width `head_dim`."""
    named = {"one": 1.0, "sqrt_d": head_dim**0.5, "parity": float(head_dim)}
    if isinstance(sigma_init, str) and sigma_init not in named:
        raise InterpretError(f"sigma_init {sigma_init!r} is not one of {', '.join(named)} or a number")
    return named[sigma_init] if isinstance(sigma_init, str) else float(sigma_init)

"""HOW attention behaves: an indicator maps a trace to one value per layer, image and head, NaN where undefined."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from interpret.errors import InterpretError
from interpret.indicators import _spectra
from interpret.registry import Registry
from interpret.tensors import PerHead
from interpret.tracing import Trace


@dataclass(frozen=True)
class Indicator:
    """A registered indicator.

    Attributes:
        higher: what a higher value means.
        bounds: lowest and highest value as text, where N is the number of tokens and d the head width.
        needs: stages that the trace must keep.
        spectral: whether it is computed from a spectrum, whose kind is then part of every number.
    """

    name: str
    function: Callable[..., PerHead]
    label: str
    unit: str
    bounds: tuple[str, str]
    higher: str
    reference: str
    needs: tuple[str, ...] = ()
    spectral: bool = False


INDICATORS: Registry[Indicator] = Registry("indicator", __name__, Indicator)


def measure(
    trace: Trace, names: Sequence[str], options: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> pd.DataFrame:
    """Tidy table of indicators: image, layer, head, indicator, kind, variant, value, unit; all count from 0.

    `kind` names the spectrum of a spectral indicator ("attention", "qk_weight", "sigma" for svda, "scores" where kept)
    and is "" for the others; `variant` says the constants of its definition, such as "delta=0.1". Values of different
    kinds or variants are not comparable. An undefined value is NaN.

    Args:
        options: other constants than an indicator's own, such as {"spectral_sparsity": {"delta": 0.01}}.
    """
    if not names:
        raise InterpretError(f"no indicator is named; available: {', '.join(INDICATORS)}")
    return pd.concat([_measure(trace, INDICATORS[name], options.get(name, {})) for name in names], ignore_index=True)


def _measure(trace: Trace, entry: Indicator, options: Mapping[str, Any]) -> pd.DataFrame:
    kinds = _spectra.available(trace) if entry.spectral else ("",)
    return pd.concat(
        [
            _tidy(entry.function(trace, **options, **({"kind": kind} if kind else {})), entry, kind, options)
            for kind in kinds
        ]
    )


def variant(entry: Indicator, options: Mapping[str, Any]) -> str:
    """The constants that the definition of an indicator was taken with, "" where it has none."""
    defaults = inspect.signature(entry.function).parameters.values()
    own = {each.name: each.default for each in defaults if each.default is not each.empty and each.name != "kind"}
    return " ".join(f"{name}={value}" for name, value in (own | dict(options)).items())


def _tidy(values: PerHead, entry: Indicator, kind: str, options: Mapping[str, Any]) -> pd.DataFrame:
    layers, batch, heads = values.shape
    layer, image, head = torch.meshgrid(*(torch.arange(n) for n in (layers, batch, heads)), indexing="ij")
    columns = {"image": image, "layer": layer, "head": head}
    frame = pd.DataFrame({column: axis.flatten().numpy() for column, axis in columns.items()})
    frame["indicator"], frame["kind"], frame["variant"] = entry.name, kind, variant(entry, options)
    frame["value"] = values.double().flatten().numpy(force=True)
    frame["unit"] = entry.unit
    return frame

"""HOW attention behaves: an indicator maps a trace to one value per layer, image and head, NaN where undefined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


def measure(trace: Trace, names: Sequence[str]) -> pd.DataFrame:
    """Tidy table of indicators: image, layer, head, indicator, kind, value, unit; layers and heads count from 0.

    `kind` names the spectrum of a spectral indicator ("attention", "qk_weight", "sigma" for svda, "scores" where kept)
    and is "" for the others; values of different kinds are not comparable. An undefined value is NaN.
    """
    if not names:
        raise InterpretError(f"no indicator is named; available: {', '.join(INDICATORS)}")
    tables = [_tidy(values, name, kind) for name in names for kind, values in _values(trace, INDICATORS[name])]
    return pd.concat(tables, ignore_index=True)


def _values(trace: Trace, entry: Indicator) -> list[tuple[str, PerHead]]:
    if not entry.spectral:
        return [("", entry.function(trace))]
    return [(kind, entry.function(trace, kind=kind)) for kind in _spectra.available(trace)]


def _tidy(values: PerHead, name: str, kind: str) -> pd.DataFrame:
    layers, batch, heads = values.shape
    layer, image, head = torch.meshgrid(*(torch.arange(n) for n in (layers, batch, heads)), indexing="ij")
    columns = {"image": image, "layer": layer, "head": head}
    frame = pd.DataFrame({column: axis.flatten().numpy() for column, axis in columns.items()})
    frame["indicator"], frame["kind"] = name, kind
    frame["value"] = values.double().flatten().numpy(force=True)
    frame["unit"] = INDICATORS[name].unit
    return frame

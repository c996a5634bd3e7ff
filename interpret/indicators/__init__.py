"""HOW attention behaves: an indicator maps a trace to one value per layer, image and head, NaN where undefined."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from interpret.foundation.errors import InterpretError
from interpret.foundation.registry import Registry, as_names
from interpret.foundation.tensors import PerHead
from interpret.indicators import _spectra
from interpret.models.trace import Trace


@dataclass(frozen=True)
class Indicator:
    """A registered indicator.

    Attributes:
        higher: what a higher value means.
        bounds: lowest and highest value as text, where N is the number of tokens and d the head width.
        needs: stages that the trace must keep.
        own: whether the definition is this toolkit's, of a name whose published one could not be had.
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
    own: bool = False


Key = tuple[str, str, str]
"""Indicator, kind of spectrum, variant."""
Options = Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
"""Indicator -> the set of constants to take its definition with, or several."""

COLUMNS = ("image", "layer", "head", "indicator", "kind", "variant", "value", "unit")
"""Of the table of `measure`."""
INDICATORS: Registry[Indicator] = Registry("indicator", __name__, Indicator)
SPECTRA = _spectra.KINDS
"""What spectral indicators are computed from, by the kind that a number carries."""


def measure(trace: Any, names: str | Sequence[str], options: Options = MappingProxyType({})) -> pd.DataFrame:
    """Tidy table of indicators: image, layer, head, indicator, kind, variant, value, unit; all count from 0.

    `kind` names the spectrum of a spectral indicator ("attention", "qk_weight", "sigma" for svda, "scores" and
    "sigma_effective" where the trace kept what they need) and is "" for the others; `variant` says the constants of its
    definition, such as "delta=0.1". Values of different kinds or variants are not comparable; what is undefined is NaN.

    Args:
        trace: what `trace` gives, with the stages kept that the indicators need.
        names: registered names, one or several.
        options: other constants than an indicator's own, one set or several: {"spectral_sparsity": {"delta": 0.01}}.

    Raises:
        InterpretError: no name, or one that is not registered.
        MissingTensorError: the trace was made without a stage that an indicator needs.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> t = interpret.trace(vit, interpret.load_data("shapes")[0].image)
        >>> interpret.measure(t, "active_tokens")[["layer", "head", "value", "unit"]].head(2)
           layer  head  value    unit
        0      0     0   65.0  tokens
        1      0     1   65.0  tokens
    """
    if not isinstance(trace, Trace):
        raise InterpretError(f"measure takes a trace, got a {type(trace).__name__}; call trace(model, images) first")
    tables = [
        _tidy(each, trace.layers).assign(
            indicator=name, kind=kind, variant=variant, value=each.double().flatten().numpy(force=True)
        )
        for name, kind, variant, each in evaluate(trace, named(names), as_options(options))
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(unit=table["indicator"].map(lambda name: INDICATORS[name].unit))


def named(names: str | Sequence[str]) -> list[str]:
    """One indicator or several, as a list.

    Raises:
        InterpretError: none.
    """
    if not as_names(names):
        raise InterpretError(f"no indicator is named; available: {', '.join(INDICATORS)}")
    return as_names(names)


def evaluate(trace: Trace, names: Sequence[str], options: Options) -> Iterator[tuple[str, str, str, PerHead]]:
    """Name, kind, variant and values of each indicator, as `measure` tells them."""
    for name in (*options, *names):
        INDICATORS[name]
    for name in names:
        entry = INDICATORS[name]
        kinds = _spectra.available(trace) if entry.spectral else ("",)
        for kind, chosen in itertools.product(kinds, constant_sets(options, name)):
            _check_constants(entry, chosen)
            values = entry.function(trace, **chosen, **({"kind": kind} if kind else {}))
            yield name, kind, variant(entry, chosen), values


def as_options(options: Any) -> Options:
    """Return `options`, constants by indicator.

    Raises:
        InterpretError: they are something else.
    """
    if not isinstance(options, Mapping):
        raise InterpretError(f"options={options!r:.80}; expected {{indicator: {{constant: value}}}}")
    return options


def constant_sets(options: Options, name: str) -> list[dict[str, Any]]:
    """The sets of constants that an indicator is measured with; one empty set leaves it its own."""
    sets = options.get(name, [{}])
    return [dict(each) for each in ([sets] if isinstance(sets, Mapping) else sets)]


def variant(entry: Indicator, options: Mapping[str, Any]) -> str:
    """The constants that the definition of an indicator was taken with, "" where it has none; None is not said."""
    constants = _constants(entry) | dict(options)
    return " ".join(f"{name}={value}" for name, value in constants.items() if value is not None)


def _constants(entry: Indicator) -> dict[str, Any]:
    defaults = inspect.signature(entry.function).parameters.values()
    return {each.name: each.default for each in defaults if each.default is not each.empty and each.name != "kind"}


def _check_constants(entry: Indicator, chosen: Mapping[str, Any]) -> None:
    unknown = [name for name in chosen if name not in _constants(entry)]
    if unknown:
        takes = ", ".join(_constants(entry)) or "none"
        raise InterpretError(f"{entry.name} has no constant {unknown[0]!r}; those of its definition: {takes}")


def _tidy(values: PerHead, numbers: Sequence[int]) -> pd.DataFrame:
    """A row for each value; `numbers` are those of the layers, where they are not all."""
    axes = torch.tensor(numbers or range(len(values))), *map(torch.arange, values.shape[1:])
    layer, image, head = torch.meshgrid(*axes, indexing="ij")
    columns = {"image": image, "layer": layer, "head": head}
    return pd.DataFrame({column: axis.flatten().numpy() for column, axis in columns.items()})

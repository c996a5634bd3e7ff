"""What lies beside the weights of a checkpoint (arguments, paths, dates, metrics), as objects that do nothing."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_LOCK = threading.Lock()  # what torch allows to be read is one list for all threads


class Inert:
    """Stands where an object stood; it takes what the object was made of, keeps nothing and does nothing."""

    def __init__(self, *parts: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class Emptied(Inert):
    """Stands where a kind of dictionary stood: an `OrderedDict`, which is filled as the dictionary was."""

    def __new__(cls, *parts: Any) -> Any:
        return OrderedDict()


OBJECTS = {
    "argparse": "Namespace",
    "builtins": "list dict tuple str int float bool bytes object frozenset slice range Ellipsis",
    "datetime": "datetime date time timedelta timezone",
    "numpy": "dtype ndarray bool_ float16 float32 float64 int32 int64",
    "numpy.core.multiarray": "scalar _reconstruct",
    "numpy._core.multiarray": "scalar _reconstruct",
    "omegaconf.base": "ContainerMetadata Metadata",
    "omegaconf.dictconfig": "DictConfig",
    "omegaconf.listconfig": "ListConfig",
    "omegaconf.nodes": "AnyNode StringNode IntegerNode FloatNode BooleanNode BytesNode PathNode EnumNode",
    "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "pathlib._local": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "torch.torch_version": "TorchVersion",
    "types": "SimpleNamespace",
    "typing": "Any",
}
"""Module -> names in it."""
DICTIONARIES = {
    "collections": "defaultdict",
    "easydict": "EasyDict",
    "lightning.fabric.utilities.data": "AttributeDict",
    "lightning.pytorch.utilities.parsing": "AttributeDict",
    "lightning_fabric.utilities.data": "AttributeDict",
    "pytorch_lightning.utilities.parsing": "AttributeDict",
    "yacs.config": "CfgNode",
}


def _allowed() -> list[Any]:
    """Pairs of a stand-in and the name of what it stands for."""
    kinds: list[tuple[Any, dict[str, str]]] = [(Inert, OBJECTS), (Emptied, DICTIONARIES)]
    return [
        (stand_in, f"{module}.{name}")
        for stand_in, listed in kinds
        for module, names in listed.items()
        for name in names.split()
    ]


@contextmanager
def stand_ins() -> Iterator[None]:
    """Scope in which `torch.load(weights_only=True)` puts stand-ins for harmless objects: no code of theirs is run.

    Whatever is on neither list is refused by torch as before.
    """
    with _LOCK, torch.serialization.safe_globals(_allowed()):
        yield

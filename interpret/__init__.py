"""See, measure and compare what Vision Transformers attend to.

The public names are those of `__init__.pyi`, imported when they are first used: `import interpret` itself brings in
neither PyTorch nor timm.

Raises:
    ImportError: InterpretML is installed in the same environment; its files live in a folder of the same name.
"""

from importlib.metadata import PackageNotFoundError, distribution, version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _refuse_interpretml() -> None:
    try:
        distribution("interpret-core")
    except PackageNotFoundError:
        return
    raise ImportError(
        "InterpretML (interpret-core) is installed in this environment and owns the same import name `interpret`; "
        "give interpret-vit an environment of its own, or uninstall interpret-core and install interpret-vit again"
    )


_refuse_interpretml()
__version__ = version("interpret-vit")

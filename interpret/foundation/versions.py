"""What the numbers were made with: the versions that packs, stores and checkpoints record."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "interpret-vit", "torch", "timm", "captum", "grad-cam", "numpy", "scipy", "pandas", "matplotlib", "accelerate",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Version of each package that is installed, and of Python."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:  # accelerate is an extra
            continue
    return installed

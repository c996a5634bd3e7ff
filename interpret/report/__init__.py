"""From checkpoints to a figure pack: `python -m interpret.report`, or `write_pack` for a study that already exists."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"pack": ["write_pack"]})

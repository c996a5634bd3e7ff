"""What may stand as `architecture` in a specification: plain arguments of timm's `VisionTransformer`, and no other.

timm passes what its model does not take on to what reads files, so a name that is not here is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

from interpret.foundation.errors import CheckpointError
from interpret.models.plain import is_count, is_number, is_positive, is_size
from interpret.models.settings import ACTIVATIONS

MOST_LAYERS = 1000
LARGEST = 2**20


def _is_count(value: Any) -> bool:
    return is_count(value) and value < LARGEST


def _is_size(value: Any) -> bool:
    return is_size(value, _is_count)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1


def _is_positive(value: Any) -> bool:
    return is_positive(value) and value < LARGEST


def _is_head(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= MOST_LAYERS and all(map(_is_layer, value))


def _is_layer(value: Any) -> bool:
    kind, *sizes = value if isinstance(value, list | tuple) and value else [None]
    if kind == "linear":
        return len(sizes) == 3 and all(map(_is_count, sizes[:2])) and _is_flag(sizes[2])
    if kind == "layernorm":
        return len(sizes) == 2 and _is_count(sizes[0]) and _is_positive(sizes[1])
    return not sizes and isinstance(kind, str) and kind in ("cls_and_mean", *ACTIVATIONS.values())


def _named(*names: str) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(map(repr, names))}", lambda value: isinstance(value, str) and value in names


SIZE = ("a whole number above 0, or two of them", _is_size)
COUNT = ("a whole number above 0", _is_count)
WHOLE = ("a whole number", lambda value: _is_count(value) or (isinstance(value, int) and value == 0))
FLAG = ("True or False", _is_flag)
SHARE = ("a number from 0 to 1", _is_share)
POSITIVE = ("a number above 0", _is_positive)
NUMBER = ("a number", lambda value: value is None or is_number(value))
ALLOWED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("img_size", "patch_size"), SIZE),
    **dict.fromkeys(("in_chans", "embed_dim", "num_heads", "head_dim"), COUNT),
    "depth": (f"a whole number from 1 to {MOST_LAYERS}", lambda value: _is_count(value) and value <= MOST_LAYERS),
    **dict.fromkeys(("num_classes", "reg_tokens"), WHOLE),
    **dict.fromkeys(("qkv_bias", "qk_norm", "scale_attn_norm", "scale_mlp_norm", "proj_bias", "class_token"), FLAG),
    **dict.fromkeys(("no_embed_class", "pre_norm", "final_norm", "pool_include_prefix", "fix_init"), FLAG),
    **dict.fromkeys(("dynamic_img_size", "dynamic_img_pad"), FLAG),
    "fc_norm": (FLAG[0], lambda value: value is None or _is_flag(value)),
    **dict.fromkeys(("drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate"), SHARE),
    **dict.fromkeys(("attn_drop_rate", "drop_path_rate"), SHARE),
    **dict.fromkeys(("mlp_ratio", "norm_eps"), POSITIVE),
    "init_values": NUMBER,
    "global_pool": _named("", "avg", "avgmax", "max", "token", "map"),
    "pos_embed": _named("", "none", "learn"),
    "weight_init": _named("", "skip", "reset", "jax", "jax_nlhb", "moco"),
    "act_layer": _named(*dict.fromkeys(ACTIVATIONS.values())),
    "mlp_layer": _named("swiglu"),
    "head": ("layers that a head can have", _is_head),
}
"""Name -> what it takes, in words and as a check; `norm_eps`, `head` and `head_dim` are `create_vit`'s own."""


def check_architecture(source: str, architecture: Mapping[str, Any]) -> None:
    """Refuse arguments that no plain ViT takes, and values that are none of theirs.

    Args:
        source: what messages call the place they come from.

    Raises:
        CheckpointError: with the first of them.
    """
    for name, value in architecture.items():
        expected, fits = ALLOWED.get(name, (None, None))
        if expected is None or fits is None:
            raise CheckpointError(f"{source}: {name!r:.60} is no argument of a plain ViT; leave it out")
        if not fits(value):
            raise CheckpointError(f"{source}: {name}={_short(value)}; expected {expected}")
    if "head_dim" in architecture and "num_heads" not in architecture:
        raise CheckpointError(f"{source}: head_dim= without num_heads=; give both")


def _short(value: Any) -> str:
    """Of a value that somebody else wrote; of a container its kind alone, which may be deep."""
    plain = isinstance(value, str | float | bool | None) or (isinstance(value, int) and abs(value) < 10**18)
    return f"{value!r:.60}" if plain else f"a {type(value).__name__}"

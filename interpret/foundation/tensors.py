"""Axis names and tensor aliases. An axis has the same name in every room.

`batch` images; `layer` blocks, first to last; `head`; `query` and `key` tokens, prefix tokens first; `row` and `col`
of the patch grid, top left first; `channel height width` of pixels; `feature` of tokens; `d` of queries and keys;
`class_` of logits.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Images = Float[Tensor, "batch channel height width"]
Logits = Float[Tensor, "batch class_"]
Target = Int[Tensor, "batch"]

Tokens = Float[Tensor, "batch token feature"]
LayerTokens = Float[Tensor, "layer batch token feature"]
Features = Float[Tensor, "batch channel row col"]

LayerAttention = Float[Tensor, "batch head query key"]
Attention = Float[Tensor, "layer batch head query key"]
Queries = Float[Tensor, "layer batch head query d"]
Keys = Float[Tensor, "layer batch head key d"]
PerQuery = Float[Tensor, "layer batch head query"]
PerHead = Float[Tensor, "layer batch head"]

PatchMap = Float[Tensor, "batch row col"]
Mask = Bool[Tensor, "batch height width"]

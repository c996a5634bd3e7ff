"""The ViT's own attention."""

from interpret.mechanisms import MECHANISMS, Mechanism


@MECHANISMS.register(label="softmax (ViT)", reference="Dosovitskiy et al. 2021, arXiv 2010.11929")
class Softmax(Mechanism):
    """softmax(q k^T / sqrt(d)); nothing is cut, and with nothing captured the fused kernel computes it."""

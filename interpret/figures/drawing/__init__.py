"""How figures are drawn: data in, axes in, axes out."""

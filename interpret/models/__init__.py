"""WHO is looked at: a model, where it comes from, and what is seen of it in one forward and one backward pass."""

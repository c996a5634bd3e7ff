"""HOW a model is made. One recipe for every mechanism: AdamW, cosine with warm-up, selection on a validation split."""

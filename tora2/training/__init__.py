"""Training: the paper's losses and recipe."""

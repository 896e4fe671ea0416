"""The shared training loop over stacked models."""

"""Frozen features: what turns texts and photographs into the vectors that every method is given."""

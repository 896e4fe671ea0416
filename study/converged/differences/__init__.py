"""Relative differences to a baseline over the study's sets: what is compared, in which regimes, and with what power."""

"""Measurements, one module each, with a function `run`."""

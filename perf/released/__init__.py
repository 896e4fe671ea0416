"""FLEM's released program beside this harness, timed in turns: ``python -m perf.released``."""

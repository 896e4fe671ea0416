"""Benchmark harness for multi-label learning: every comparison table of FLEM (IJCAI-22), computed afresh."""

__version__ = "0.1.0"

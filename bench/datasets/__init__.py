"""Data sets: the catalogue, their files' readers and parsers, and frozen features."""

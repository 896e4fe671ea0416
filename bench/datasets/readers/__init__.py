"""Readers of the files that jobs load."""

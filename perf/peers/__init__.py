"""Packages that a user would run instead of the harness, beside it in one run on the same data."""

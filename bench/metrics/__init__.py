"""Metrics of classification and of label distributions, and their catalogue."""

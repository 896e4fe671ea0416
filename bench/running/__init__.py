"""Execution of a plan: worker processes, clusters, progress."""

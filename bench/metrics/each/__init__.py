"""Metrics, one file each: a title, a direction, and ``metric(evaluation)``. docs/add-a-metric.md."""

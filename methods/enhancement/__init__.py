"""Shared parts of label-enhancement methods: networks, neighbours among rows, and the second of their two stages."""

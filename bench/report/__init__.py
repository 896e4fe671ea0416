"""Figures and the one-page report, from records. Imports neither torch nor methods."""

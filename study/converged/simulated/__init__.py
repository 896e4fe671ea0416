"""FLEM where its own argument holds: simulated sets whose label distributions are known."""

"""Controls that need simulated data, apart from those that run on any."""

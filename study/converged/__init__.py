"""The study: every method trained to its end, with equal budgets of tuning, on many sets, seeds and label regimes."""

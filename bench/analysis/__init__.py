"""Statistics of comparisons: over data sets, within one, and against the paper's claims."""

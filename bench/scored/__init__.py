"""Records from scores, without training: decision rules, and scores of models trained elsewhere."""

"""Decision rules: which labels are predicted, chosen on validation scores after training."""

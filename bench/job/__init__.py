"""One job's computation: inputs, fit, selection, evaluation."""

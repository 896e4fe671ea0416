"""Convergence: BCE beside logistic regression at its optimum, late epochs, and what other training does."""

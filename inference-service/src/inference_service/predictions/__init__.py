"""Predictions: running a model on a picture, and records that allow the same result to be computed again."""

"""Predictions: how a picture is read, and the record of it that allows it to be read again with the same result."""

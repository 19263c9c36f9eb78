"""Doctors label medical images: assignments, labels, review, agreement and exports."""

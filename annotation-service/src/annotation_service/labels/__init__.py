"""Labels: what a doctor sees in an image."""

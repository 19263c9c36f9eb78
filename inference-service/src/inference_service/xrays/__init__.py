"""CheXRay: X-rays with a title, read for five findings, kept with their history."""

"""CheXRay: X-rays with a title, the probabilities of five findings, and the history of each account."""

"""What visitors of the gallery ask for."""

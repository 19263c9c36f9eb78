"""Groups of pictures."""

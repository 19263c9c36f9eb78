"""Adding pictures of a drive to the gallery."""

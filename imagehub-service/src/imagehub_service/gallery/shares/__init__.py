"""Shared links: an address by which a group can be seen for a time, also where the gallery is closed."""

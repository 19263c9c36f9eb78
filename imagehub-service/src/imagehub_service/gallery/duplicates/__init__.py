"""Pictures that are there more than once: with the same bytes, or with nearly the same difference hash."""

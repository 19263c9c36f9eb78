"""Pictures that are shown, in groups."""

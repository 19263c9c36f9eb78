"""Getting results out: `/download`, and exports that are made in the background and kept for a while."""

"""Commands of `lightbox` that load what they need only when they run."""

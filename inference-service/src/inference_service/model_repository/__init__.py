"""Models: what `model.toml` says of one, where they lie, and what goes into and comes out of them."""

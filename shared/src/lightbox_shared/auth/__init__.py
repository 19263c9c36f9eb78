"""Who is asking: tokens, the keys that verify them, and the dependencies that say in a signature who may call."""

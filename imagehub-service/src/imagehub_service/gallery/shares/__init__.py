"""Links by which a group is shown to somebody without an account."""

"""Whether an administrator has allowed the use of a drive, and the end of that."""

"""The `lightbox` command: runs the whole platform on one machine, walks through it, and writes its secrets."""

"""Accepting a picture: its body is read within limits, checked, and written with others in one transaction."""

"""Retention: how long is kept what was stored without an account."""

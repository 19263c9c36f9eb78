"""The only door of the platform: one table of routes, tokens checked, limits, streaming both ways."""

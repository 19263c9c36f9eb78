"""Typed clients for the services that the gateway itself asks."""

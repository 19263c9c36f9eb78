"""Clients for the requests that the gateway itself sends to services."""

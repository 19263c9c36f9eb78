"""Benchmarks of the CoRE image collection, compared with plain inserts, nginx, Django and aiocoap's file server."""

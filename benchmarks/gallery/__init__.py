"""Benchmarks of imagehub-service."""

"""Benchmarks of annotation-service."""

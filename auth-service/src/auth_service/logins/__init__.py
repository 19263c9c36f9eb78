"""Signing up and logging in: one service, and a thin module for each dialect that clients speak."""

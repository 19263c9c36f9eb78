"""Signing up and signing in: one service, and a thin module for each dialect that clients speak."""

"""Devices: who has sent pictures, when, and how many."""

"""Devices: which of them have sent pictures, how many, and when."""

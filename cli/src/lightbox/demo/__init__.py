"""`lightbox demo`: a walk through the running platform, as one of its users would take it; a module for each system.

Everything that it prints came back from the gateway.
"""

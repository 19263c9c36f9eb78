"""`lightbox demo`: uses each system of a running platform once, through the gateway. A system is a module."""

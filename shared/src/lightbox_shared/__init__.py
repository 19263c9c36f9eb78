"""The kit under every Lightbox service: how to serve, store, trust, fail and log. It knows no service and no domain."""

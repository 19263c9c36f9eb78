"""The IIIF Image API 3.0."""

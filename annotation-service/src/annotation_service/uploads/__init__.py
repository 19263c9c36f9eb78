"""Uploads of medical pictures, each of which makes an image that is to be labelled."""

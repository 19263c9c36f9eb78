"""Small versions of pictures, which fit into a box of pixels."""

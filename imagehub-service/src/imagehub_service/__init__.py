"""Folders of pictures here or in OneDrive, and the gallery that shows them."""

"""The pictures of the gallery as files: whole, or in the size and format that a page asks for."""

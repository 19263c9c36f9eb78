"""Suggestions: what models say about an image, beside what doctors see in it. They are never labels."""

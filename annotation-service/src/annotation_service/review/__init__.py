"""All labels of an image side by side, for those who settle a difference, and the history of an image."""

"""The pictures that are labelled, with their bytes as they were when the image was made."""

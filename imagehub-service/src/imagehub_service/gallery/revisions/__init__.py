"""Counts the changes of the gallery, so that what was made of it can be kept until the next one."""

"""Rearranging the gallery: groups that are deleted or merged, and pictures that go to another group."""

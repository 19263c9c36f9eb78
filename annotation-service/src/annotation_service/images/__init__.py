"""The images collection, and single images."""

"""What administrators do with groups and pictures in ImageHub itself."""

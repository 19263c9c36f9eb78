"""What administrators delete for good."""

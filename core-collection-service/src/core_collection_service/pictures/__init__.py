"""Pictures: what a device may send, how it is kept, and how it is read back."""

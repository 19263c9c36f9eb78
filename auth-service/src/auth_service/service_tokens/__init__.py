"""The tokens with which the platform's services call each other."""

"""Where administrators keep files: the drive of the service itself, or OneDrive."""

"""What several test folders share: pictures to send, and ways to run an application."""

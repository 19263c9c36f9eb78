"""Requests as services read them: bodies, files and parameters, within limits of size, pace and memory."""

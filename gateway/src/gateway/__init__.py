"""The API gateway: routes each request to its service, after authentication and rate limits, and streams both ways."""

"""API keys, with which programs and devices act for an account, within scopes."""

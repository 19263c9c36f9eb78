"""Keys with which programs and devices act for an account, within scopes."""

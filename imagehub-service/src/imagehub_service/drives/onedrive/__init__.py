"""OneDrive through Microsoft Graph v1.0: consent, tokens, throttling, a copy of the list of folders, downloads."""

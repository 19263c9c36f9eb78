"""Upload sessions of the built-in drive, which behave as those of Microsoft Graph."""

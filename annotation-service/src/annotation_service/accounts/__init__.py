"""What this service keeps of accounts: the name, the nickname and the authority of each. They belong to auth-service,
which tells their changes."""

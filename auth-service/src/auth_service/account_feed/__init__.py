"""The feed of changed accounts, from which other services keep a copy of what they show of accounts."""

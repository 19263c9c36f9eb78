"""Passkeys (WebAuthn Level 3): a second way to sign in, without a name or a password."""

"""Passkeys (WebAuthn Level 2): a second way to sign in, without a name or a password."""

"""The photos of accounts. Which photo an account has is known to auth-service; the pictures are here."""

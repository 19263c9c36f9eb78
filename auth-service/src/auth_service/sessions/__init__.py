"""What a login opens: sessions, their tokens, and the news of which are revoked."""

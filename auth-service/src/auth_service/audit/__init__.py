"""The audit trail: who signed in, failed to, and changed, made or deleted what. It is append-only, and the hash of each
entry binds it to the entry before."""

"""The audit trail: who signed in, failed, changed, made or deleted what; append-only, each entry bound to the one
before by its hash."""

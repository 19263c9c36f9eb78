"""What strangers may store, who are clients without a credential and accounts that nobody has approved: so much per
address and day, and so much altogether.

Both are counted in PostgreSQL, so that all replicas count together and a restart forgets nothing. Room is reserved in
one short statement before the work begins, and the reservation is settled in the transaction that stores: so requests
that run side by side never store more than the limits allow, and a failed one costs nothing. See
docs/decisions/0046-storage-of-strangers.md and 0056-accounts-that-wait.md.
"""

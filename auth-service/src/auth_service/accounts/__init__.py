"""Who there is: names, password hashes, and what each account may do."""

"""The formats that constrained devices speak, independent of the network and of the database."""

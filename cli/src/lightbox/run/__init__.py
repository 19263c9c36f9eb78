"""`lightbox run`: runs a database server and every service on this machine."""

"""`lightbox run`: a database server, every service, one banner, and a clean end."""

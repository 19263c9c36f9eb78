"""What Lightbox does beside a peer and the limit of the machine: `make bench`."""

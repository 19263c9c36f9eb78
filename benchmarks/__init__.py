"""Benchmarks of Lightbox, compared with other programs and with the limit of the machine: `make bench`."""

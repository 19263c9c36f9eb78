"""Administration by command line: `lightbox ...` on one machine, `python -m imagehub_service ...` in a container."""

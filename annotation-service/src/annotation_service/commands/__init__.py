"""Administration by command line: `lightbox ...` on one machine, `python -m annotation_service ...` in a container."""

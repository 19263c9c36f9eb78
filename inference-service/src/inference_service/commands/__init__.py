"""Administration by command line: `lightbox ...` on one machine, `python -m inference_service ...` in a container."""

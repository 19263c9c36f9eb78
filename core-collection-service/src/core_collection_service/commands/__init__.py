"""Administration by command line: `lightbox collections ...` on one machine, `python -m core_collection_service
collections ...` in a container. Since `lightbox` imports the commands of all services, modules here import what takes
long inside of the commands that need it."""

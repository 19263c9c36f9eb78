"""The administration by command line: `lightbox collections ...` on one machine, `python -m core_collection_service
collections ...` in a container. Modules here load nothing heavy before a command of theirs runs, since `lightbox`
imports them all."""

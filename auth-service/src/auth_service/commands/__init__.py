"""The administration by command line: `lightbox accounts ...` on one machine, `python -m auth_service accounts ...` in
a container. Modules here load nothing heavy before a command of theirs runs, since `lightbox` imports them all."""

"""The administration by command line: `lightbox accounts ...` on one machine, `python -m auth_service accounts ...` in
a container.

`lightbox` imports these modules for every command, so they import SQLAlchemy, the hashes and FastAPI only when one of
their own commands runs.
"""

"""A server that answers as Microsoft's identity platform and Microsoft Graph do, as far as OneDrive is concerned.

It follows Microsoft's published documentation of Graph v1.0 (drive, driveItem, upload sessions, delta, throttling,
errors) and of the identity platform's v2.0 endpoints; `tests/imagehub/test_onedrive_msgraph.py` runs Microsoft's own
client against it. Faults come on demand, by `graph_server.faults.Faults`.
"""

"""One OpenAPI document of the platform: what its services say of themselves, and what the gateway adds to it.

- `document`: asks the services, and keeps what they said.
- `merge`: makes one document of several; only what the table routes is in it.
- `operations`: what the gateway adds to an operation by its row of the table: who may call, and its own refusals.
- `own_paths`: the paths that the gateway answers itself.
"""

from gateway.openapi.document import PlatformDocument
from gateway.openapi.merge import merge

__all__ = ["PlatformDocument", "merge"]

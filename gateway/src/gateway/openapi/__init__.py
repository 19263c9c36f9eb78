"""The OpenAPI document of the platform, merged from those of the services.

- `document` fetches the documents of the services and caches the result.
- `merge` merges documents, of which it keeps the paths that have a route.
- `operations` adds to an operation who may call it, and the error responses of the gateway.
- `own_paths` describes the paths that the gateway answers itself.
"""

from gateway.openapi.document import PlatformDocument
from gateway.openapi.merge import merge

__all__ = ["PlatformDocument", "merge"]

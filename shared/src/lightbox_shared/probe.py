"""`python -m lightbox_shared.probe auth-service`: is the service in this container ready? For its health check.

Only the standard library: it runs every few seconds, beside the service and on its cores.
"""

import os
import sys
import urllib.error
import urllib.request

from lightbox_shared.ports import port_of


def main(service: str) -> int:
    """0 when `/readyz` says 200, else 1 and the reason on standard error."""
    url = f"http://127.0.0.1:{port_of(service, int(os.environ.get('LIGHTBOX_PORT', '8000')))}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=4):
            return 0
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is what the container engine shows
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""The health check of a container: `python -m lightbox_shared.probe auth-service`.

It imports only the standard library, to start fast: it runs every few seconds on the cores of the service.
"""

import os
import sys
import urllib.error
import urllib.request

from lightbox_shared.process.ports import port_of


def main(service: str) -> int:
    """The exit code: 0 if `/readyz` of the service answers 200, else 1, with the reason on standard error."""
    url = f"http://127.0.0.1:{port_of(service, int(os.environ.get('LIGHTBOX_PORT', '8000')))}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=4):
            return 0
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container engine shows it
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

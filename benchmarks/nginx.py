"""nginx, which serves files: the limit for programs that answer with bytes that they have in memory."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.running import free_port

CONFIGURATION: Final = """\
worker_processes {workers};
daemon off;
pid {folder}/nginx-{workers}.pid;
error_log {folder}/nginx-{workers}.error;
events {{}}
http {{
    access_log {folder}/nginx-{workers}.log;
    default_type image/png;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
    }}
}}
"""


@contextmanager
def nginx(folder: Path, workers: int, *, probe: str = "/0.png") -> Iterator[str]:
    """Serve the files below `files` in a folder with a number of workers. Yields the URL when `probe`, the path of one
    of them, answers."""
    port = free_port()
    path = folder / f"nginx-{workers}.conf"
    path.write_text(CONFIGURATION.format(folder=folder, workers=workers, port=port), encoding="utf-8")
    command = [shutil.which("nginx") or "nginx", "-p", str(folder), "-e", str(folder / "nginx.error"), "-c", str(path)]
    with subprocess.Popen(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=5) as http:
                http.get(address + probe).raise_for_status()
            yield address
        finally:
            process.terminate()

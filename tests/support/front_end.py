"""A front end of the snippets in docs/front-ends.md: typed, checked, built by Vite, and served at another origin."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from conftest import ROOT

from support.api_tools import run
from support.pages import blocks_of, commands_of
from support.shell import Shell

PAGE: Final = ROOT / "docs" / "front-ends.md"
PRINTED_ORIGIN: Final = "localhost:5173"
_IN_ITS_FOLDER: Final = re.compile(r"np[mx] ")
_PACKAGES: Final = {"@types/node": "20.19.43", "typescript": "5.9.3", "vite": "8.3.6"}
_TYPES: Final = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noUnusedLocals": True,
    "target": "es2023",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable"],
    "types": [],
    "noEmit": True,
    "skipLibCheck": True,
}
_HTML: Final = '<!doctype html><meta charset="utf-8"><title>Mine</title><script type="module" src="main.ts"></script>'
# What the page shows is called by the test, so that each module is there by its name.
_MAIN: Final = """{imports}
Object.assign(window, {{ {names} }});
if (location.pathname === "/callback") Object.assign(window, {{ completed: signIn.completeSignIn() }});
"""


@dataclass
class FrontEnd:
    """A folder with the snippets, and Vite's server for what is built of them."""

    shell: Shell
    folder: Path
    port: int
    _server: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """As the page prints it."""
        return f"http://localhost:{self.port}"

    @property
    def platform(self) -> str:
        """The address of the platform."""
        return f"http://127.0.0.1:{self.shell.port}"

    def write(self) -> None:
        """Write the snippets, each into the file that its fence names, and a page that loads them all."""
        self.folder.mkdir()
        names: list[str] = []
        for block in blocks_of(PAGE):
            language, _, name = block.info.partition(" ")
            if language == "ts":
                (self.folder / name).write_text(self._typed("\n".join(block.lines)) + "\n")
                names.append(name.removesuffix(".ts"))
        modules = {_camel(name): name for name in names if name != "vite.config"}
        imports = "\n".join(f'import * as {each} from "./{name}";' for each, name in modules.items())
        (self.folder / "main.ts").write_text(_MAIN.format(imports=imports, names=", ".join(modules)))
        (self.folder / "index.html").write_text(_HTML)
        manifest = {"private": True, "type": "module", "devDependencies": _PACKAGES}
        (self.folder / "package.json").write_text(json.dumps(manifest))
        (self.folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": _TYPES, "include": ["*.ts"]}))

    def type_commands(self) -> None:
        """Type the commands of the page, those for npm in the folder of the front end."""
        for command in commands_of(PAGE):
            text = self._typed(command.text)
            if _IN_ITS_FOLDER.match(text):
                text = f'(cd "{self.folder}" && {text})'
            done = self.shell.type(text)
            assert done.status == 0, f"{command.place}: {text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def build(self) -> None:
        """Check the types, and bundle into the folder `dist`."""
        programs = self.folder / "node_modules" / ".bin"
        run([programs / "tsc"], self.folder)
        run([programs / "vite", "build", "--logLevel", "warn"], self.folder)

    def serve(self) -> None:
        """Start a server of `dist`, which passes the paths of the platform on as the page's configuration says."""
        vite = self.folder / "node_modules" / "vite" / "bin" / "vite.js"
        command = ["node", str(vite), "preview", "--host", "127.0.0.1", "--port", str(self.port), "--strictPort"]
        self._server = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 30
        while not _answers(f"http://127.0.0.1:{self.port}/"):
            assert self._server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server, which cuts its connections."""
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait(10)
            self._server = None

    @contextmanager
    def served(self) -> Iterator["FrontEnd"]:
        """The server runs meanwhile."""
        try:
            self.serve()
            yield self
        finally:
            self.stop()

    def _typed(self, text: str) -> str:
        return self.shell.typed(text.replace(PRINTED_ORIGIN, f"localhost:{self.port}"))


def _camel(name: str) -> str:
    return re.sub(r"-(\w)", lambda match: match[1].upper(), name)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False

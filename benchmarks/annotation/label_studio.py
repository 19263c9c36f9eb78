"""Label Studio from the package index, in an environment of its own, with SQLite or PostgreSQL.

It never calls out: analytics, error reports and the look for newer versions are off by its settings. On PostgreSQL it
leaves out indexes on the text of annotations, also by its settings, since their extensions (`pg_trgm`, `btree_gin`) are
not among those of the server; without them it stores annotations faster.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from benchmarks.annotation.annotators import ANNOTATORS, TASK, Annotator, Step, Team
from benchmarks.environments import PeerEnvironment
from benchmarks.harness import FOLDER, BenchmarkError
from benchmarks.running import environment, free_port, running
from lightbox.run.postgres import PostgresServer

ENVIRONMENT: Final = PeerEnvironment("Label Studio", FOLDER / "annotation" / "label-studio-requirements.txt")
ADMINISTRATOR: Final = {"Authorization": "Token 0123456789abcdef0123456789abcdef01234567"}
PASSWORD: Final = "a bench's password"
PATIENCE_SECONDS: Final = 300.0
DATABASE: Final = "label_studio"

START: Final = "label-studio start"
UWSGI: Final = "uWSGI with two processes"
SERVERS: Final = {
    START: ("label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", "{port}"),
    UWSGI: (
        "uwsgi", "--http", "127.0.0.1:{port}", "--http-keepalive=60", "--add-header", "Connection: keep-alive",
        "--master", "--die-on-term", "--processes", "2", "--enable-threads", "--single-interpreter",
        "--buffer-size", "65535", "--disable-logging", "--chdir", "{package}", "--module", "core.wsgi",
    ),
}  # fmt: skip
"""The first one is how the package starts itself: Django's development server, one process with a thread for each
connection. The second one is the server of its extra `uwsgi`, with a process for each core; with four processes, or
threads, it stored fewer annotations."""

SETTINGS: Final = {
    "COLLECT_ANALYTICS": "false",
    "FEATURE_FLAGS_OFFLINE": "true",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "SKIP_BTREE_GIN_EXTENSION": "full",
    "SKIP_TRIGRAM_EXTENSION": "full",
}
FOR_UWSGI: Final = {"APP_WEBSERVER": "uwsgi", "DJANGO_SETTINGS_MODULE": "core.settings.label_studio"}

YES_OR_NO: Final = ("yes", "no")
FIELDS: Final = {
    "quality": ("good", "usable", "poor"),
    "dr": YES_OR_NO,
    "stage": ("0", "1", "2", "3", "4"),
    "dme": YES_OR_NO,
    "hr": ("0", "1", "2", "3"),
    "age_dme": ("0", "1", "2"),
    "rvo": YES_OR_NO,
    "crao": YES_OR_NO,
    "myopia": YES_OR_NO,
    "od": YES_OR_NO,
    "glaucoma": YES_OR_NO,
    "others": YES_OR_NO,
}
"""The choices of each field of a label. Besides them there is a comment."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An installation with its data in a folder. Its database is a file there, or on a server of PostgreSQL."""

    folder: Path
    database: Mapping[str, str] = field(default_factory=lambda: {"DJANGO_DB": "sqlite"})

    @classmethod
    def on_postgres(cls, folder: Path, server: PostgresServer) -> "Instance":
        """An instance with a new database on a server that runs. Raises `PostgresError`."""
        server.ensure_database(DATABASE)
        where = {"HOST": str(server.socket_folder), "NAME": DATABASE, "USER": DATABASE, "PASSWORD": ""}
        return cls(folder, {"DJANGO_DB": "default", **{f"POSTGRE_{name}": text for name, text in where.items()}})

    @property
    def settings(self) -> dict[str, str]:
        """Its settings, as variables of the environment. They also keep it from the home folder."""
        homes = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LABEL_STUDIO_BASE_DATA_DIR")
        return {**SETTINGS, **dict.fromkeys(homes, str(self.folder)), **self.database}

    def initialise(self) -> None:
        """Create the tables, and an administrator. Raises `BenchmarkError`."""
        self.folder.mkdir()
        command = [ENVIRONMENT.program("label-studio"), "init", "--quiet", "--enable-legacy-api-token"]
        command += ["--username", "admin@lab.local", "--password", PASSWORD]
        command += ["--user-token", ADMINISTRATOR["Authorization"].removeprefix("Token ")]
        settings = environment(**self.settings)
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder, env=settings)
        if done.returncode:
            raise BenchmarkError(f"Label Studio can't be initialised: {done.stderr[-2000:]}")

    def copied(self, folder: Path) -> "Instance":
        """A copy of an instance on SQLite that does not run."""
        shutil.copytree(self.folder, folder)
        return Instance(folder)

    @contextmanager
    def serving(self, server: str) -> Iterator[str]:
        """Run it on one of `SERVERS`. Yields its URL. Raises `BenchmarkError`."""
        port = free_port()
        (package,) = ENVIRONMENT.folder.glob("lib/python*/site-packages/label_studio")
        program, *options = (each.format(port=port, package=package) for each in SERVERS[server])
        settings = self.settings | (FOR_UWSGI if server == UWSGI else {})
        address = f"http://127.0.0.1:{port}"
        with running([ENVIRONMENT.program(program), *options], f"{address}/health", self.folder, **settings):
            yield address


@dataclass(frozen=True, slots=True)
class Project:
    """A project, and the accounts that label its tasks."""

    id: int
    team: Team

    @classmethod
    def create(cls, url: str, folder: Path, tasks: int) -> "Project":
        """Create a project on an instance without others, where each annotator has a number of tasks.

        `folder` is for the client. Raises `BenchmarkError` if an account can't be made, and `httpx.HTTPError`.
        """
        tokens = [_sign_up(url, number) for number in range(ANNOTATORS)]
        documents = [{"data": {"image": f"/data/upload/{number}.png"}} for number in range(tasks * ANNOTATORS)]
        with _administrator(url) as http:
            project = {"title": "Eyes", "label_config": label_config()}
            number = int(http.post("/api/projects/", json=project).raise_for_status().json()["id"])
            imported = http.post(f"/api/projects/{number}/import?return_task_ids=true", json=documents)
            ids = [str(each) for each in imported.raise_for_status().json()["task_ids"]]
        annotators = [Annotator(f"Token {each}", ids[at::ANNOTATORS]) for at, each in enumerate(tokens)]
        step = Step("POST", f"/api/tasks/{TASK}/annotations/", json.dumps(annotation()), status=201)
        return cls(number, Team((step,), annotators, folder))

    def check(self, url: str) -> None:
        """Raises `BenchmarkError` if the project has fewer annotations than its team has finished."""
        with _administrator(url) as http:
            found = http.get(f"/api/projects/{self.id}/").raise_for_status().json()["total_annotations_number"]
        if found < self.team.finished:
            raise BenchmarkError(f"Label Studio has {found} annotations instead of {self.team.finished}")


def label_config() -> str:
    """The label configuration: choices for each field, and a comment."""
    fields = "".join(
        f'<Choices name="{name}" toName="image">{"".join(map(_choice, choices))}</Choices>'
        for name, choices in FIELDS.items()
    )
    return f'<View><Image name="image" value="$image"/>{fields}<TextArea name="comment" toName="image"/></View>'


def annotation() -> dict[str, object]:
    """An annotation with all fields, as Label Studio's own client sends it."""
    values: list[tuple[str, str, dict[str, list[str]]]] = [
        (name, "choices", {"choices": [choices[0]]}) for name, choices in FIELDS.items()
    ]
    values.append(("comment", "textarea", {"text": ["A small haemorrhage near the disc."]}))
    result = [
        {"id": f"label-{name}", "from_name": name, "to_name": "image", "type": kind, "origin": "manual", "value": value}
        for name, kind, value in values
    ]
    return {"lead_time": 12.3, "result": result}


def _choice(value: str) -> str:
    return f'<Choice value="{value}"/>'


def _administrator(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=ADMINISTRATOR, timeout=PATIENCE_SECONDS)


def _sign_up(url: str, number: int) -> str:
    """Sign up by the form, as a person does. Returns the token of the account."""
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as http:
        page = http.get("/user/signup/").raise_for_status().text
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"email": f"annotator-{number}@lab.local", "password": PASSWORD}
        form["csrfmiddlewaretoken"] = hidden[1] if hidden else ""
        answer = http.post("/user/signup/", data=form, headers={"Referer": url})
        if answer.status_code != httpx.codes.FOUND:
            raise BenchmarkError(f"Label Studio makes no account: {answer.status_code}")
        token: str = http.get("/api/current-user/token").raise_for_status().json()["token"]
        return token

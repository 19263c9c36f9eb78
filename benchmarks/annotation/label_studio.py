"""Label Studio from the package index, in an environment of its own, with SQLite or PostgreSQL.

It never calls out: analytics, error reports and the look for newer versions are off by its settings. On PostgreSQL it
leaves out an index on the text of annotations by trigrams, since `pg_trgm` is not among the extensions of the server,
by a setting of its own; without that index it stores annotations faster.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.annotation.annotators import ANNOTATORS, TASK, Annotator, Step, Team
from benchmarks.environments import PeerEnvironment
from benchmarks.harness import FOLDER, BenchmarkError
from benchmarks.running import environment, free_port, running
from lightbox.run.postgres import PostgresServer

ENVIRONMENT: Final = PeerEnvironment("Label Studio", FOLDER / "annotation" / "label-studio-requirements.txt")
TOKEN: Final = "0123456789abcdef0123456789abcdef01234567"
EMAIL: Final = "admin@lab.local"
PASSWORD: Final = "a bench's password"
SECONDS: Final = 300.0
DATABASE: Final = "label_studio"
SQLITE: Final[Mapping[str, str]] = {"DJANGO_DB": "sqlite"}

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
"""The first one is how the package starts itself: Django's development server, a process with a thread a connection.
The second one is the server of its extra `uwsgi`, with a process for each core."""

SETTINGS: Final = {
    "COLLECT_ANALYTICS": "false",
    "FEATURE_FLAGS_OFFLINE": "true",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "SKIP_BTREE_GIN_EXTENSION": "full",
    "SKIP_TRIGRAM_EXTENSION": "full",
}

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


def prepare(folder: Path, database: Mapping[str, str]) -> dict[str, str]:
    """Create an instance with an administrator, whose data are in `folder`, and return its settings.

    `database` is `SQLITE` or what `on_postgres` returns. Raises `BenchmarkError`.
    """
    folder.mkdir()
    home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    settings = SETTINGS | home | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data")} | dict(database)
    command = [ENVIRONMENT.program("label-studio"), "init", "--quiet", "--username", EMAIL, "--password", PASSWORD]
    command += ["--user-token", TOKEN, "--enable-legacy-api-token"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment(**settings), timeout=SECONDS
    )
    if done.returncode:
        raise BenchmarkError(f"Label Studio can't be initialised: {done.stderr[-2000:]}")
    return settings


def on_postgres(server: PostgresServer) -> dict[str, str]:
    """The settings for a new database of a server that runs. Raises `PostgresError`."""
    server.ensure_database(DATABASE)
    return {
        "DJANGO_DB": "default",
        "POSTGRE_HOST": str(server.socket_folder),
        "POSTGRE_NAME": DATABASE,
        "POSTGRE_USER": DATABASE,
        "POSTGRE_PASSWORD": "",
    }


@contextmanager
def serving(folder: Path, settings: Mapping[str, str], server: str) -> Iterator[str]:
    """Run an instance on one of `SERVERS`. Yields its URL. Raises `BenchmarkError`."""
    port = free_port()
    (package,) = ENVIRONMENT.folder.glob("lib/python*/site-packages/label_studio")
    program, *options = (each.format(port=port, package=package) for each in SERVERS[server])
    for_uwsgi = {"APP_WEBSERVER": "uwsgi", "DJANGO_SETTINGS_MODULE": "core.settings.label_studio"}
    mine = dict(settings) | (for_uwsgi if server == UWSGI else {})
    address = f"http://127.0.0.1:{port}"
    with running([ENVIRONMENT.program(program), *options], f"{address}/health", folder, **mine):
        yield address


@dataclass(frozen=True, slots=True)
class Project:
    """A project with tasks for annotators, each of whom has an account."""

    id: int
    team: Team

    def check(self, url: str) -> None:
        """Raises `BenchmarkError` if the project has fewer annotations than its team has finished."""
        with _client(url) as http:
            found = http.get(f"/api/projects/{self.id}/").raise_for_status().json()["total_annotations_number"]
        if found < self.team.finished:
            raise BenchmarkError(f"Label Studio has {found} annotations instead of {self.team.finished}")


def create_project(url: str, folder: Path, tasks: int) -> Project:
    """Create a project, and give each annotator a number of tasks. `folder` is for the client.

    Raises `BenchmarkError` if an account can't be made, and `httpx.HTTPError`.
    """
    tokens = [_sign_up(url, number) for number in range(ANNOTATORS)]
    documents = [{"data": {"image": f"/data/upload/{number}.png"}} for number in range(tasks * ANNOTATORS)]
    with _client(url) as http:
        project = {"title": "Eyes", "label_config": label_config()}
        number = int(http.post("/api/projects/", json=project).raise_for_status().json()["id"])
        answer = http.post(f"/api/projects/{number}/import?return_task_ids=true", json=documents).raise_for_status()
        ids = [str(each) for each in answer.json()["task_ids"]]
    annotators = [Annotator(f"Token {each}", ids[at::ANNOTATORS]) for at, each in enumerate(tokens)]
    step = Step("POST", f"/api/tasks/{TASK}/annotations/", json.dumps(annotation()), status=201)
    return Project(number, Team((step,), annotators, folder))


def label_config() -> str:
    """The label configuration: choices for each field, and a comment."""
    fields = [
        f'<Choices name="{name}" toName="image">' + "".join(f'<Choice value="{each}"/>' for each in choices)
        for name, choices in FIELDS.items()
    ]
    every = "".join(f"{each}</Choices>" for each in fields)
    return f'<View><Image name="image" value="$image"/>{every}<TextArea name="comment" toName="image"/></View>'


def annotation() -> dict[str, object]:
    """An annotation with all fields, as its own client sends it."""
    values: list[tuple[str, str, dict[str, list[str]]]] = [
        (name, "choices", {"choices": [choices[0]]}) for name, choices in FIELDS.items()
    ]
    values.append(("comment", "textarea", {"text": ["A small haemorrhage near the disc."]}))
    result = [
        {"id": f"label-{name}", "from_name": name, "to_name": "image", "type": kind, "origin": "manual", "value": value}
        for name, kind, value in values
    ]
    return {"lead_time": 12.3, "result": result}


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Token {TOKEN}"}, timeout=SECONDS)


def _sign_up(url: str, number: int) -> str:
    """Sign up by the form, as a person does. Returns the token of the account."""
    with httpx.Client(base_url=url, timeout=SECONDS) as http:
        page = http.get("/user/signup/").raise_for_status().text
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"email": f"annotator-{number}@lab.local", "password": PASSWORD}
        form["csrfmiddlewaretoken"] = hidden[1] if hidden else ""
        answer = http.post("/user/signup/", data=form, headers={"Referer": url})
        if answer.status_code != httpx.codes.FOUND:
            raise BenchmarkError(f"Label Studio makes no account: {answer.status_code}")
        token: str = http.get("/api/current-user/token").raise_for_status().json()["token"]
        return token

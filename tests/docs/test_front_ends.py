"""docs/front-ends.md: its snippets make a front end, which Chromium runs on the platform's origin and on another."""

import shutil
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from conftest import SAMPLES
from support.front_end import FrontEnd
from support.running import free_port_block, temporary_folder
from support.shell import Shell, copy_of_the_project
from support.web_driver import Browser, chromium

pytestmark = pytest.mark.pages

PASSWORD: Final = "a password of a test"
NEW_PASSWORD: Final = "another password of a test"
OPEN_REQUESTS: Final = 3
SETTINGS: Final = {
    "LIGHTBOX_ALLOWED_ORIGINS": "",  # as in production
    "LIGHTBOX_RATE_OPEN": f"{OPEN_REQUESTS}/minute",
    "LIGHTBOX_ANONYMOUS_TOTAL_BYTES": "1000",
}
CHUNK_BYTES: Final = 4 * 327_680
PICTURE: Final = b64encode((SAMPLES / "covid19-positive.png").read_bytes()).decode()

HELPERS: Final = """
const problem = async (asked) => {
  try { await asked; return null; }
  catch (error) {
    const { name, status, message, fields, retryAfter, requestId } = error;
    const isProblem = status !== undefined && fields !== undefined;
    return { name, isProblem, status, message, fields, retryAfter, requestId };
  }
};
const picture = (base64, name) =>
  new File([Uint8Array.from(atob(base64), (each) => each.charCodeAt(0))], name, { type: "image/png" });
const bytes = (size, name) => new File([new Uint8Array(size).fill(7)], name, { lastModified: 0 });
"""


@dataclass
class Lab:
    """The platform with two doctors, the front end, and a browser."""

    front_end: FrontEnd
    browser: Browser
    http: httpx.Client
    admin_password: str

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.run(HELPERS + script, *arguments)

    def open(self, url: str) -> None:
        self.browser.open(url)
        self.wait("return window.client !== undefined;")

    def wait(self, script: str, seconds: float = 15) -> None:
        """Until a script says so. While the browser changes to another page none can run."""
        deadline = time.monotonic() + seconds
        while not self._holds(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.1)

    def _holds(self, script: str) -> bool:
        try:
            return bool(self.run(script))
        except AssertionError:
            return False

    def account(self, name: str) -> int:
        """A doctor."""
        made = self.http.post("/accounts", json={"username": name, "password": PASSWORD, "authority": 102})
        assert made.status_code == 201, made.text
        number: int = made.json()["account_id"]
        return number

    def change_password(self, account: int) -> None:
        """End all sessions of an account."""
        changed = self.http.put(f"/accounts/{account}", json={"password": NEW_PASSWORD})
        assert changed.is_success, changed.text

    def send_picture(self, second: int) -> int:
        """As a device; the id of the picture."""
        document = {"deviceId": "camera", "timestamp": f"2026-01-01T00:00:{second:02}Z", "imageData": PICTURE}
        sent = self.http.post("/collections/images", json=document)
        assert sent.status_code == 201, sent.text
        number: int = sent.json()["id"]
        return number

    def sign_in_elsewhere(self, name: str) -> None:
        """On the platform's pages, which the front end leaves for."""
        self.open(self.front_end.url)
        self.run("window.signIn.beginSignIn();")
        self.shown("Sign in to go on to Reading room")
        self.browser.type("#username", name)
        self.browser.type("#password", PASSWORD)
        self.browser.click("form button")

    def shown(self, heading: str) -> None:
        """A page of the platform is."""
        self.wait(f"return document.querySelector('h1')?.textContent === {heading!r};")

    def signed_in_elsewhere(self) -> None:
        """The front end has its tokens."""
        self.browser.wait_for(f"localhost:{self.front_end.port}/")
        self.wait("return window.completed !== undefined;")
        self.run("await window.completed;")
        assert self.browser.url == f"{self.front_end.url}/"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with temporary_folder() as folder, chromium(folder / "profile") as browser:
        scratch, mine = folder / "tmp", folder / "front-end"
        scratch.mkdir()
        home = Path.home()
        of_npm = {
            "NPM_CONFIG_USERCONFIG": str(home / ".npmrc"),
            "NPM_CONFIG_CACHE": str(home / ".npm"),
            "NPM_CONFIG_PREFER_OFFLINE": "true",
            "NPM_CONFIG_AUDIT": "false",
        }
        changes = {**SETTINGS, **of_npm, "LIGHTBOX_CONSOLE_DIR": str(mine / "dist")}
        shell = Shell(copy_of_the_project(folder), scratch, free_port_block(), changes)
        with shell.opened():
            front_end = FrontEnd(shell, mine, free_port_block())
            assert shell.type("make run").status == 0
            front_end.write()
            front_end.type_commands()
            front_end.build()
            password = (shell.folder / "var" / "admin-password").read_text().strip()
            with front_end.served(), httpx.Client(base_url=front_end.platform, timeout=30) as http:
                signed_in = http.post("/authorization", json={"username": "admin", "password": password}).json()
                http.cookies.clear()
                http.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
                yield Lab(front_end, browser, http, password)


@pytest.fixture(params=["served by the gateway", "behind Vite's proxy"])
def own_origin(lab: Lab, request: pytest.FixtureRequest) -> str:
    """The address of the front end where its origin is the platform's. Nobody is signed in."""
    front_end = lab.front_end
    by_gateway = request.param == "served by the gateway"
    url = f"{front_end.platform}/console/" if by_gateway else f"{front_end.url}/"
    lab.open(url)
    lab.browser.forget()
    return url


def test_the_session_cookie(lab: Lab, own_origin: str) -> None:
    wrong = lab.run("return problem(session.signIn('admin', 'wrong'));")
    assert (wrong["isProblem"], wrong["status"]) == (True, 401)
    assert wrong["message"]
    lab.run("await session.signIn('admin', given[0]);", lab.admin_password)
    lab.open(own_origin)  # the session is there after a reload, and no script sees it
    assert lab.run("return (await session.whoIsSignedIn()).account_id;") > 0
    assert lab.run("return document.cookie + localStorage.length;") == "0"
    made, shares = lab.run(
        "const shares = []; const options = { onProgress: (share) => shares.push(share) };"
        "const made = await upload.predict(location.origin, 'covid19', picture(given[0], 'a.png'), options);"
        "return [made, shares];",
        PICTURE,
    )
    assert made["id"]
    assert shares[-1] == 1
    listed = "return (await client.ok(session.api.GET('/api/predictions'))).predictions.map((each) => each.id);"
    assert made["id"] in lab.run(listed)
    lab.run("await session.signOut();")
    assert lab.run("return problem(session.whoIsSignedIn());")["status"] == 401


def test_a_browser_that_says_nothing_of_the_site(lab: Lab) -> None:
    """As over plain HTTP from another machine: `Origin` and `Host` have to agree, also behind Vite's proxy."""
    fields = {"username": "admin", "password": lab.admin_password}
    with httpx.Client(base_url=lab.front_end.url, timeout=30) as http:
        own, foreign = (
            http.post("/api/authorization", json=fields, headers={"Origin": origin})
            for origin in (lab.front_end.url, "http://elsewhere.example")
        )
    assert (own.status_code, foreign.status_code) == (201, 403), own.text


def test_an_upload_that_resumes(lab: Lab, own_origin: str) -> None:
    lab.run("await session.signIn('admin', given[0]);", lab.admin_password)
    name = "cut" if "/console/" in own_origin else "cut-2"
    assert lab.http.get("/admin/onedrive/add-folder", params={"folder_name": name}).is_success
    folder = next(
        key
        for key, each in lab.http.get("/admin/onedrive/folders").json()["folders"].items()
        if isinstance(each, dict) and each["folder_name"] == name
    )
    size = 3 * CHUNK_BYTES + 5
    session = lab.run("return resume.openSession(session.api, given[0], 'large.bin');", folder)
    cut = lab.run(
        "const stop = new AbortController();"
        "const seen = (bytes) => { if (bytes > 0) stop.abort(); };"
        "return problem(resume.resume(given[0], bytes(given[1], 'large.bin'), seen, stop.signal));",
        session,
        size,
    )
    assert cut["name"] == "AbortError"
    lab.open(own_origin)
    again = "const seen = []; await resume.resume(given[0], bytes(given[1], 'large.bin'), (at) => seen.push(at));"
    assert lab.run(again + "return seen;", session, size) == [CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, size]
    over = lab.run("return problem(resume.resume(given[0], bytes(given[1], 'large.bin'), () => {}));", session, size)
    assert (over["isProblem"], over["status"]) == (True, 404)


def test_events_end_with_the_session(lab: Lab) -> None:
    lab.open(f"{lab.front_end.platform}/console/")
    lab.browser.forget()
    account = lab.account("clara")
    lab.run("await session.signIn('clara', given[0]);", PASSWORD)
    lab.run(
        "window.seen = []; window.over = false;"
        "window.stream = watch.watch((picture) => seen.push(picture.id), () => { window.over = true; });"
    )
    lab.wait("return stream.readyState === EventSource.OPEN;")
    first = lab.send_picture(30)
    lab.wait("return seen.length === 1;")
    lab.change_password(account)
    lab.wait("return over;")
    assert lab.run("return seen;") == [first]


def test_events_over_a_cut(lab: Lab) -> None:
    """Vite's server passes the stream on, and is killed in the middle."""
    lab.open(lab.front_end.url)
    lab.browser.forget()
    lab.run("window.seen = []; window.stream = watch.watch((picture) => seen.push(picture.id), () => {});")
    lab.wait("return stream.readyState === EventSource.OPEN;")
    sent = [lab.send_picture(40)]
    lab.wait("return seen.length === 1;")
    lab.front_end.stop()
    sent.append(lab.send_picture(41))
    lab.front_end.serve()
    lab.wait("return seen.length === 2;")
    sent.append(lab.send_picture(42))
    lab.wait("return seen.length === 3;")
    assert lab.run("stream.close(); return seen;") == sent


def test_a_page_of_another_origin(lab: Lab) -> None:
    """All of it in one visit, since a reload forgets the tokens."""
    account = lab.account("berta")
    lab.open(lab.front_end.platform + "/console/")
    lab.browser.forget()
    lab.sign_in_elsewhere("berta")
    lab.shown("Reading room asks for your permission")
    lab.browser.click("button[value=allow]")
    lab.signed_in_elsewhere()
    self = lab.run("return client.ok(elsewhere.api.GET('/api/self'));")
    assert self["account_id"] == account
    assert lab.run("return sessionStorage.length + localStorage.length;") == 0

    listed = lab.run("return (await (await signIn.call('/api/predictions')).json()).predictions;")
    assert listed == []
    assert lab.run("return problem(signIn.call('/api/sessions'));")["status"] == 403
    missing = lab.run("return problem(client.ok(elsewhere.api.GET('/api/no-such-path')));")
    assert (missing["isProblem"], missing["status"]) == (True, 404)
    assert missing["requestId"]

    _uploads(lab)
    _drafts(lab)
    _refreshing(lab)
    _signing_out(lab)
    lab.sign_in_elsewhere("berta")
    lab.shown("Reading room asks for your permission")  # at this machine each time
    lab.browser.click("button[value=allow]")
    lab.signed_in_elsewhere()
    _following(lab, account)


def _uploads(lab: Lab) -> None:
    platform = "const platform = signIn.PLATFORM.origin; const token = await signIn.token();"
    predict = platform + (
        "const shares = []; const options = { token, onProgress: (share) => shares.push(share) };"
        "const send = (file) => upload.predict(platform, 'covid19', file, options);"
    )
    made = lab.run(predict + "return [(await send(picture(given[0], 'a.png'))).id, shares.at(-1)];", PICTURE)
    assert made[0]
    assert made[1] == 1
    large = lab.run(predict + "return problem(send(bytes(21 * 2 ** 20, 'large.png')));")
    assert (large["isProblem"], large["status"]) == (True, 413)
    larger = lab.run(predict + "return problem(send(bytes(100 * 2 ** 20, 'larger.png')));")
    assert (larger["isProblem"], larger["status"]) == (True, 413)
    broken = lab.run(predict + "return problem(send(bytes(100, 'broken.png')));")
    assert (broken["isProblem"], broken["status"]) == (True, 422)
    assert broken["fields"].keys() == {"file"}
    form = platform + (
        "const form = new FormData(); form.append('title', 'a'); form.append('image', picture(given[0], 'a.png'));"
        "const send = () => upload.upload(new URL('/api/chexray/anonupload', platform), form);"
    )
    full = [lab.run(form + "return problem(send());", PICTURE) for _ in range(OPEN_REQUESTS + 1)]
    assert [each["status"] for each in full] == [507] * OPEN_REQUESTS + [429]
    assert 0 < full[-1]["retryAfter"] <= 60
    signed_up = "client.ok(client.lightbox(signIn.PLATFORM.origin).POST('/api/chexray/signup', { body: given[0] }))"
    taken = {"username": "berta", "password": PASSWORD, "password2": PASSWORD}
    fields = lab.run(f"return problem({signed_up});", taken)
    assert (fields["isProblem"], fields["status"]) == (True, 400)
    assert fields["fields"].keys() == {"username"}, fields


def _drafts(lab: Lab) -> None:
    file = {"file": ("a.png", (SAMPLES / "normal.png").read_bytes(), "image/png")}
    assert lab.http.post("/uploads/medical-images", files=file).is_success
    assert lab.http.post("/api/assignments", json={"mode": "queue", "state": "unassigned"}).is_success
    taken = lab.run("return client.ok(elsewhere.api.POST('/api/assignments/next'));")
    job = int(taken["job"]["job_id"])
    tags = lab.run(
        "const { draft, tag } = await drafts.readDraft(elsewhere.api, given[0]);"
        "return [draft, tag, await drafts.saveDraft(elsewhere.api, given[0], { quality: true }, tag)];",
        job,
    )
    assert tags[0] is None
    assert tags[1] != tags[2]
    assert all(each.startswith('"') for each in tags[1:])
    save = "drafts.saveDraft(elsewhere.api, given[0], { quality: false }, given[1])"
    outdated = lab.run(f"return problem({save});", job, tags[1])
    assert (outdated["isProblem"], outdated["status"]) == (True, 412)
    kept = lab.run("return (await drafts.readDraft(elsewhere.api, given[0])).draft;", job)
    assert kept == {"quality": True}


def _refreshing(lab: Lab) -> None:
    """Four calls at once when the token has ended: the clock is put forward, and each call has the one new token."""
    before, after = lab.run(
        "const before = await signIn.token(); const now = Date.now; Date.now = () => now() + 16 * 60_000;"
        "try { return [before, await Promise.all([1, 2, 3, 4].map(() => signIn.token()))]; }"
        "finally { Date.now = now; }"
    )
    assert before not in after
    assert len(set(after)) == 1
    assert lab.run("return (await signIn.call('/api/self')).status;") == 200


def _signing_out(lab: Lab) -> None:
    lab.run("window.before = true; signIn.signOut();")
    lab.wait("return window.before === undefined && window.client !== undefined;")
    assert lab.browser.url == f"{lab.front_end.url}/"
    assert "Nobody is signed in" in lab.run("return problem(signIn.token());")["message"]


def _following(lab: Lab, account: int) -> None:
    """Over a refresh without a network; through Vite's server, which can be cut; and until the session ends."""
    begin = (
        "window.seen = []; window.end = undefined; window.stop = new AbortController();"
        "const show = (each) => seen.push(each.id); const url = new URL('/collections/images/events', given[0]);"
        "problem(follow.follow(url, signIn.token, show, stop.signal, given[1])).then((found) => { end = found; });"
    )
    lab.run(
        "window.now = Date.now; Date.now = () => now() + 16 * 60_000; window.fetched = 0; window.whole = window.fetch;"
        "window.fetch = (...request) => fetched++ ? whole(...request) : Promise.reject(new TypeError('offline'));"
    )
    before = lab.send_picture(48)
    lab.run(begin, lab.front_end.platform, str(before))
    sent = [lab.send_picture(49)]
    lab.wait("return seen.length === 1;")
    assert lab.run("stop.abort(); Date.now = now; window.fetch = whole; return seen;") == sent
    lab.wait("return end === null;")

    before = lab.send_picture(50)
    lab.run(begin, lab.front_end.url, str(before))
    sent = [lab.send_picture(51)]
    lab.wait("return seen.length === 1;")
    lab.front_end.stop()
    sent.append(lab.send_picture(52))
    lab.front_end.serve()
    lab.wait("return seen.length === 2;")
    assert lab.run("stop.abort(); return seen;") == sent
    lab.wait("return end === null;")

    lab.run(begin, lab.front_end.platform, str(before))
    lab.wait("return seen.length === 2;")
    lab.change_password(account)
    lab.wait("return end !== undefined;")
    seen, end = lab.run("return [seen, end];")
    assert seen == sent
    assert (end["isProblem"], end["status"]) == (True, 401)


def test_an_origin_that_nobody_named(lab: Lab) -> None:
    """It calls nothing, and still reads why the gallery, which is open to everybody, has no picture."""
    lab.open(f"http://127.0.0.1:{lab.front_end.port}/")
    models = "client.ok(client.lightbox(signIn.PLATFORM.origin).GET('/api/models'))"
    assert lab.run(f"return problem({models});")["name"] == "TypeError"
    read = "const answer = await fetch(new URL('/iiif/3/999/info.json', signIn.PLATFORM));"
    assert lab.run(read + "return [answer.status, (await answer.json()).status];") == [404, 404]

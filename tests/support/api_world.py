"""A running platform whose data tests make by its own paths."""

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from conftest import SAMPLES

from lightbox.run.platform import Platform
from support.yelda_client import Headers, bearer

PICTURE: Final = SAMPLES / "normal.png"
WITH_WINDOW: Final = SAMPLES / "pleural-effusion.dcm"
TAKEN: Final = {"deviceId": "12345", "timestamp": "2024-08-18T02:04:07Z"}


@dataclass
class World:
    """A platform, and what the examples need in it."""

    platform: Platform
    http: httpx.Client
    admin_password: str

    def sign_in(self, username: str = "admin", password: str = "") -> dict[str, Any]:
        """A session of its own for each request, since some end theirs."""
        form = {"grant_type": "password", "client_id": "lightbox", "username": username}
        return self.ok("POST", "/oauth/token", data={**form, "password": password or self.admin_password})

    @property
    def admin(self) -> Headers:
        return bearer(self.sign_in()["access_token"])

    @property
    def picture(self) -> bytes:
        return PICTURE.read_bytes()

    def upload(self) -> dict[str, Any]:
        files = {"image": PICTURE.read_bytes()}
        return self.ok("POST", "/api/chexray/upload", files=files, headers=self.admin)

    def without(self, username: str) -> None:
        """There is no such account."""
        for account in self.ok("GET", "/accounts", params={"username": username}, headers=self.admin)["data"]:
            self.ok("DELETE", f"/accounts/{account['account_id']}", headers=self.admin)

    def with_account(self, username: str, password: str) -> int:
        """There is such an account, and it is approved; returns its id."""
        self.without(username)
        account = {"username": username, "password": password}
        account_id: int = self.ok("POST", "/accounts", json=account)["account_id"]
        self.ok("PUT", f"/accounts/{account_id}", json={"authority": "doctor"}, headers=self.admin)
        return account_id

    def make_key(self) -> int:
        made = self.ok("POST", "/api/keys", json={"name": "x", "scopes": ["read"]}, headers=self.admin)
        return int(made["id"])

    def predict(self, picture: Path = PICTURE) -> int:
        body = {"data": {"model": "covid19"}, "files": {"file": picture.read_bytes()}}
        return int(self.ok("POST", "/api/predictions", headers=self.admin, **body)["id"])

    def without_picture(self) -> None:
        """The device has sent no picture at that time."""
        answer = self.http.delete("/collections/images", params=TAKEN, headers=self.admin)
        assert answer.status_code in {204, 404}, answer.text

    def collect(self) -> int:
        self.without_picture()
        document = {**TAKEN, "imageData": b64encode(PICTURE.read_bytes()).decode()}
        return int(self.ok("POST", "/collections/images", json=document)["id"])

    def secret_of(self, service: str) -> str:
        secrets = json.loads((self.platform.data_dir / "secrets.json").read_text())
        return str(secrets[service]["client_secret"])

    def ok(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self.http.request(method, path, **request)
        self.http.cookies.clear()
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

"""OneDrive in the tests: a Graph server on a real socket, and administrators whose drives are on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from graph_server.app import create_app
from graph_server.drive import Drive
from graph_server.faults import Faults
from graph_server.identity import Identity
from graph_server.state import GraphState

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.drive import DriveContents
from imagehub_service.drives.errors import ConsentNeeded
from imagehub_service.drives.onedrive.service import OneDrive, OneDrives, open_onedrives
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from support.gateway import Server

USER: Final = "ada@example.com"
ACCOUNT: Final = 2


class GraphServer:
    """The Graph server in a thread."""

    def __init__(self) -> None:
        self.state = GraphState()
        self._server = Server(create_app(self.state))
        self.url = self._server.url

    @property
    def faults(self) -> Faults:
        return self.state.faults

    @property
    def identity(self) -> Identity:
        return self.state.identity

    def drive(self, user: str = USER) -> Drive:
        return self.state.drive_of(user)

    @property
    def settings(self) -> dict[str, str]:
        """Those by which imagehub-service uses this server."""
        return {
            "onedrive_client_id": self.identity.client_id,
            "onedrive_client_secret": self.identity.client_secret,
            "onedrive_authority": f"{self.url}/common",
            "onedrive_graph_url": f"{self.url}/v1.0",
        }

    async def visit(self, address: str, user: str = USER) -> dict[str, str]:
        """What a user's browser is sent back with, after the page at this address."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(address, params={**_query(address), "login_hint": user})
        assert answer.status_code == 302, answer.text
        return _query(answer.headers["location"])

    def stop(self) -> None:
        self._server.stop()


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@dataclass
class Process:
    """A process of the service, as far as it concerns OneDrive."""

    graph: GraphServer
    database: Database
    settings: ImageHubSettings
    drives: OneDrives

    def drive(self, account_id: int = ACCOUNT) -> OneDrive:
        return self.drives.for_account(account_id)

    async def consented(self, account_id: int = ACCOUNT, user: str = USER) -> OneDrive:
        """The drive of an administrator who has consented."""
        drive = self.drive(account_id)
        back = await self.graph.visit(await consent_address(drive), user)
        await drive.finish_consent(back["code"], back["state"])
        return drive


@asynccontextmanager
async def process(graph: GraphServer, settings: ImageHubSettings) -> AsyncIterator[Process]:
    """Start one, with connections of its own."""
    database = Database(settings.database_url)
    try:
        threads = BoundedThreads(1, max_waiting=16, busy="busy")
        async with open_onedrives(database, settings, threads) as drives:
            yield Process(graph, database, settings, drives)
    finally:
        await database.dispose()


async def consent_address(drive: OneDrive) -> str:
    """Where an administrator who has not consented is sent to."""
    with pytest.raises(ConsentNeeded) as needed:
        await drive.connect()
    return needed.value.address


def tree(contents: DriveContents) -> dict[str, dict[str, int]]:
    """Folder -> file -> bytes."""
    return {folder.name: {file.name: file.size for file in folder.files} for folder in contents.folders}

"""The consent of an administrator: the way to Microsoft's page and back, with PKCE and `state`."""

from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from graph_server.faults import error, garbage, html, json, redirect
from sqlalchemy import text
from support.imagehub import MakeHubSettings
from support.onedrive import ACCOUNT, USER, GraphServer, Process, consent_address
from support.onedrive import process as open_process

from imagehub_service.drives.errors import ConsentNeeded, DriveError, DriveUnavailable, UnreadableAnswer
from imagehub_service.drives.onedrive.errors import Refused

OTHER = 3
LIVE_TOKEN = {"access_token": "a", "refresh_token": "r", "expires_in": 3599, "token_type": "Bearer"}


async def test_the_address_of_the_page(process: Process) -> None:
    address = await consent_address(process.drive())
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(process.settings.onedrive_authority + "/oauth2/v2.0/authorize?")
    assert query["client_id"] == [process.settings.onedrive_client_id]
    assert query["redirect_uri"] == [process.settings.onedrive_redirect_uri]
    assert query["response_type"] == ["code"]
    assert query["scope"] == ["Files.ReadWrite offline_access User.Read"]
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43
    assert len(query["state"][0]) >= 32


@pytest.mark.parametrize("passes_state_on", [True, False])
async def test_the_way_there_and_back(graph: GraphServer, process: Process, *, passes_state_on: bool) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    await drive.finish_consent(back["code"], back["state"] if passes_state_on else None)
    await drive.connect()
    assert graph.identity.grants == [("authorization_code", USER)]


async def test_a_code_works_once(graph: GraphServer, process: Process) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    await drive.finish_consent(back["code"], back["state"])
    for state in (back["state"], None):
        with pytest.raises(ConsentNeeded):
            await drive.finish_consent(back["code"], state)
    await drive.connect()  # the tokens stay


async def test_the_page_stays_the_same_for_a_while(process: Process) -> None:
    addresses = {await consent_address(process.drive()) for _ in range(3)}
    assert len(addresses) == 1
    await _age_consents(process, 601)
    assert await consent_address(process.drive()) not in addresses


async def test_two_pages_at_once(graph: GraphServer, process: Process) -> None:
    drive = process.drive()
    first = await graph.visit(await consent_address(drive))
    await _age_consents(process, 601)
    second = await graph.visit(await consent_address(drive))
    await drive.finish_consent(first["code"], first["state"])
    await drive.finish_consent(second["code"], second["state"])


async def test_without_state_the_newest_page_counts(graph: GraphServer, process: Process) -> None:
    drive = process.drive()
    first = await graph.visit(await consent_address(drive))
    await _age_consents(process, 601)
    second = await graph.visit(await consent_address(drive))
    await drive.finish_consent(second["code"], None)
    await drive.connect()
    with pytest.raises(ConsentNeeded):  # it is for another challenge
        await drive.finish_consent(first["code"], second["state"])


async def test_an_old_page(graph: GraphServer, process: Process) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    await _age_consents(process, 3601)
    for state in (back["state"], None):
        with pytest.raises(ConsentNeeded):
            await drive.finish_consent(back["code"], state)


@pytest.mark.parametrize("state", ["", "x", "\0", "\ud800", "x" * 100_000])
async def test_a_state_that_was_not_given_out(graph: GraphServer, process: Process, state: str) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    with pytest.raises(ConsentNeeded):
        await drive.finish_consent(back["code"], state)
    assert graph.identity.grants == []


async def test_a_code_that_another_account_was_given(graph: GraphServer, process: Process) -> None:
    """An attacker who makes an administrator's browser send a code of theirs gets nothing connected."""
    attacker = await graph.visit(await consent_address(process.drive(OTHER)), "eve@example.com")
    victim = process.drive()
    await consent_address(victim)
    for state in (attacker["state"], None):
        with pytest.raises(ConsentNeeded):
            await victim.finish_consent(attacker["code"], state)
    with pytest.raises(ConsentNeeded):
        await victim.connect()


@pytest.mark.parametrize("code", ["", "x", "a b&c=d", "\0", "\n", "é", "\ud800", "x" * 20_000])
async def test_a_code_that_is_none(process: Process, code: str) -> None:
    drive = process.drive()
    address = await consent_address(drive)
    with pytest.raises(ConsentNeeded) as needed:
        await drive.finish_consent(code, None)
    assert needed.value.address != address


async def test_a_code_before_any_page(process: Process) -> None:
    with pytest.raises(ConsentNeeded):
        await process.drive().finish_consent("M.C507_x", None)


ANSWERS = [
    pytest.param(garbage(), UnreadableAnswer, id="garbage"),
    pytest.param(html(), UnreadableAnswer, id="html"),
    pytest.param(json([]), UnreadableAnswer, id="list"),
    pytest.param(json({}), UnreadableAnswer, id="empty"),
    pytest.param(json({**LIVE_TOKEN, "access_token": ""}), UnreadableAnswer, id="no token"),
    pytest.param(json({**LIVE_TOKEN, "access_token": "a\r\nb: c"}), UnreadableAnswer, id="a token with lines"),
    pytest.param(json({**LIVE_TOKEN, "access_token": 5}), UnreadableAnswer, id="a number as token"),
    pytest.param(json({**LIVE_TOKEN, "expires_in": "soon"}), UnreadableAnswer, id="no time"),
    pytest.param(json({**LIVE_TOKEN, "expires_in": 10**40}), UnreadableAnswer, id="for ever"),
    pytest.param(json({**LIVE_TOKEN, "expires_at": []}), UnreadableAnswer, id="a list as time"),
    pytest.param(json({**LIVE_TOKEN, "refresh_token": None}), Refused, id="no refresh token"),
    pytest.param(json({"error": "temporarily_unavailable"}, 400), DriveUnavailable, id="later"),
    pytest.param(json({"error": "invalid_client"}, 401), Refused, id="wrong secret"),
    pytest.param(json({"error": {"code": 5}}, 400), Refused, id="an error of another form"),
    pytest.param(html(500), DriveUnavailable, id="500"),
    pytest.param(html(503), DriveUnavailable, id="503"),
    pytest.param(error(429, "x", retry_after="7"), DriveUnavailable, id="429"),
    pytest.param(redirect("http://localhost:1/token"), UnreadableAnswer, id="redirect"),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
async def test_the_token_endpoint_fails(
    graph: GraphServer, process: Process, answer: object, expected: type[DriveError]
) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    graph.faults.add(answer, path="/token", times=1)  # type: ignore[arg-type]
    with pytest.raises(DriveError) as failed:
        await drive.finish_consent(back["code"], back["state"])
    assert type(failed.value) is expected
    if answer.status_code == 429:  # type: ignore[attr-defined]
        assert isinstance(failed.value, DriveUnavailable)
        assert failed.value.retry_after == 7
    await drive.finish_consent(back["code"], back["state"])  # the code was not used


async def test_the_secret_of_the_application_is_wrong(graph: GraphServer, make_settings: MakeHubSettings) -> None:
    settings = make_settings(**{**graph.settings, "onedrive_client_secret": "wrong"})
    async with open_process(graph, settings) as process:
        back = await graph.visit(await consent_address(process.drive()))
        with pytest.raises(Refused, match="registration"):
            await process.drive().finish_consent(back["code"], back["state"])


async def test_what_is_stored_is_encrypted(graph: GraphServer, process: Process) -> None:
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    rows = await _rows(process)
    assert len(rows) == 1
    assert back["state"] not in rows[0]
    await drive.finish_consent(back["code"], back["state"])
    rows = await _rows(process)
    secrets = [*graph.identity.access, *graph.identity.refresh, back["code"], back["state"]]
    assert len(rows) == 1
    assert not [secret for secret in secrets if secret in rows[0]]


async def test_tokens_in_the_row_of_another_account_are_not_used(process: Process) -> None:
    await process.consented(ACCOUNT)
    async with process.database.writing() as session:
        await session.execute(
            text(
                "INSERT INTO onedrive_connections (account_id, tokens, refresh_at)"
                " SELECT :other, tokens, refresh_at FROM onedrive_connections"
            ),
            {"other": OTHER},
        )
    with pytest.raises(ConsentNeeded):
        await process.drive(OTHER).connect()
    await process.drive(ACCOUNT).connect()


async def test_another_secret_key(graph: GraphServer, process: Process, make_settings: MakeHubSettings) -> None:
    await process.consented()
    settings = make_settings(**graph.settings, secret_key="another secret of the tests, long enough too")
    async with open_process(graph, settings) as restarted:
        drive = await restarted.consented()
        await drive.connect()


async def test_many_who_begin_at_once(graph: GraphServer, process: Process) -> None:
    async with anyio.create_task_group() as tasks:
        for account_id in range(10, 20):
            tasks.start_soon(process.consented, account_id, f"{account_id}@example.com")
    assert len(graph.identity.grants) == 10


async def _age_consents(process: Process, seconds: int) -> None:
    async with process.database.writing() as session:
        await session.execute(
            text("UPDATE onedrive_consents SET created_at = created_at - make_interval(secs => :seconds)"),
            {"seconds": seconds},
        )


async def _rows(process: Process) -> list[str]:
    async with process.database.reading() as session:
        found = await session.execute(
            text("SELECT t::text FROM onedrive_connections t UNION ALL SELECT t::text FROM onedrive_consents t")
        )
    return [row[0] for row in found]

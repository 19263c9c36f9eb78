"""The connections of administrators with Microsoft: consent, tokens, and the pauses that Graph asks for.

All of it is in the database, so that it holds for every process of the service. Tokens are refreshed by one process at
a time: it takes a lease in one statement, asks Microsoft without holding a connection of the pool, and stores the new
tokens before anybody uses them. A lease ends by itself, in case its process has died; Microsoft does not revoke a
refresh token when it is used, so the next process can use it again.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import structlog

from imagehub_service.drives.errors import ConsentNeeded, DriveUnavailable
from imagehub_service.drives.onedrive import connections_repository as repository
from imagehub_service.drives.onedrive.connections_repository import Lease
from imagehub_service.drives.onedrive.identity_platform import ConsentSecrets, GrantRefused, IdentityPlatform, Tokens
from imagehub_service.drives.onedrive.models import Consent
from lightbox_shared.database import Database
from lightbox_shared.storage.encryption import Cipher, NotDecryptable

log = structlog.get_logger("onedrive")

PURPOSE: Final = "lightbox imagehub-service: onedrive at rest, 1"
REFRESH_BEFORE_SECONDS: Final = 300.0
LEASE_SECONDS: Final = 30.0
"""Longer than the token endpoint may take."""
LEASE_POLL_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 4.0
"""Shorter pauses are waited for; during longer ones the caller is told when to come again."""
CONSENT_SECONDS: Final = 3600.0
SAME_CONSENT_SECONDS: Final = 600.0
"""For so long an administrator gets the same address again: a client that does not pass `state` on can't tell which of
several pages was used."""


@dataclass(frozen=True, slots=True)
class Access:
    """An access token, and the generation of tokens that it is of."""

    token: str = field(repr=False)
    generation: int


class Connections:
    """Gives out access tokens."""

    def __init__(self, database: Database, cipher: Cipher, platform: IdentityPlatform) -> None:
        self._database = database
        self._cipher = cipher
        self._platform = platform
        self._locks: dict[int, anyio.Lock] = {}

    async def access(self, account_id: int, *, refused: int | None = None) -> Access:
        """A token that may be used now; not one of the generation `refused`, which Graph did not accept.

        Waits for short pauses. Raises `ConsentNeeded`, `DriveUnavailable` and `UnreadableAnswer`.
        """
        found = await self._usable(account_id, refused)
        if found is not None:
            return found
        async with self._locks.setdefault(account_id, anyio.Lock()):
            while (found := await self._usable(account_id, refused)) is None:
                if not await self._refresh(account_id, refused):
                    await anyio.sleep(LEASE_POLL_SECONDS)
        return found

    async def block(self, account_id: int, seconds: float) -> None:
        """Let no process call Graph for this user until the seconds are over."""
        log.warning("Graph asks for a pause", account_id=account_id, seconds=seconds)
        async with self._database.writing() as session:
            await repository.block(session, account_id, seconds)

    async def consent_needed(self, account_id: int) -> ConsentNeeded:
        """The error that has the address of the page where the account can consent."""
        async with self._database.reading() as session:
            pending = await repository.newest_consent(session, account_id, seconds=SAME_CONSENT_SECONDS)
        secrets = None if pending is None else self._open_consent(pending)
        if secrets is None:
            secrets = ConsentSecrets.generate()
            sealed = self._seal({"account": account_id, "state": secrets.state, "verifier": secrets.verifier})
            async with self._database.writing() as session:
                await repository.end_consents_before(session, CONSENT_SECONDS)
                await repository.add_consent(session, account_id, _digest(secrets.state), sealed)
        return ConsentNeeded(self._platform.consent_address(secrets))

    async def finish_consent(self, account_id: int, code: str, state: str | None) -> None:
        """Exchange a code for tokens. Without `state` it has to be for the newest consent of the account under way:
        PKCE lets no other code pass. Raises `ConsentNeeded`, `DriveUnavailable`, `UnreadableAnswer` and `Refused`."""
        digest = None if state is None else _digest(state)
        async with self._database.reading() as session:
            pending = await repository.newest_consent(session, account_id, seconds=CONSENT_SECONDS, state_sha256=digest)
            generation = await repository.generation(session, account_id)
        secrets = None if pending is None else self._open_consent(pending)
        if pending is None or secrets is None:
            raise await self.consent_needed(account_id)
        try:
            tokens = await self._platform.redeem(code, secrets.verifier)
        except GrantRefused:
            async with self._database.writing() as session:
                await repository.end_consent(session, pending.state_sha256)
            raise await self.consent_needed(account_id) from None
        sealed = self._seal_tokens(account_id, tokens)
        async with self._database.writing() as session:
            was_under_way = await repository.end_consent(session, pending.state_sha256)
            # A code that Microsoft refuses ends the consent too, but changes no tokens; disconnecting does.
            is_forgotten = not was_under_way and await repository.generation(session, account_id) != generation
            if not is_forgotten:
                await repository.put_tokens(session, account_id, sealed, _refresh_after(tokens))
        if is_forgotten:
            raise await self.consent_needed(account_id)

    async def is_connected(self, account_id: int) -> bool:
        """Whether there are tokens."""
        async with self._database.reading() as session:
            found = await repository.find(session, account_id)
        return found is not None and found.tokens is not None

    async def check_connected(self, account_id: int) -> None:
        """Raises `ConsentNeeded` if the tokens with which something was begun were forgotten meanwhile."""
        if not await self.is_connected(account_id):
            raise await self.consent_needed(account_id)

    async def _usable(self, account_id: int, refused: int | None) -> Access | None:
        """The token, if it need not be refreshed first."""
        waited = 0.0
        while True:
            async with self._database.reading() as session:
                found = await repository.find(session, account_id)
            if found is None or found.tokens is None:
                raise await self.consent_needed(account_id)
            if found.blocked_seconds <= 0:
                break
            waited += found.blocked_seconds
            if waited > LONGEST_WAIT_SECONDS:
                retry_after = math.ceil(found.blocked_seconds)
                raise DriveUnavailable("OneDrive asks for a pause.", retry_after=retry_after)
            await anyio.sleep(found.blocked_seconds)
        if found.is_due or found.generation == refused:
            return None
        tokens = self._open(account_id, found.tokens)
        if tokens is None:
            await self._drop(account_id, found.generation)
            raise await self.consent_needed(account_id)
        return Access(tokens["access_token"], found.generation)

    async def _refresh(self, account_id: int, refused: int | None) -> bool:
        """Refresh the tokens, unless another does. Raises `DriveError` where Microsoft does not answer as it should."""
        async with self._database.writing() as session:
            lease = await repository.lease(session, account_id, refused=refused, seconds=LEASE_SECONDS)
        if lease is None:
            return False
        with anyio.CancelScope(shield=True):  # tokens that were given out have to be stored
            await self._refresh_leased(account_id, lease)
        return True

    async def _refresh_leased(self, account_id: int, lease: Lease) -> None:
        stored = self._open(account_id, lease.tokens)
        if stored is None:
            await self._drop(account_id, lease.generation)
            return
        try:
            tokens = await self._platform.refresh(stored["refresh_token"])
        except GrantRefused:
            log.warning("Microsoft has refused a refresh token", account_id=account_id)
            await self._drop(account_id, lease.generation)
            return
        except BaseException:
            async with self._database.writing() as session:
                await repository.end_lease(session, account_id, lease.generation)
            raise
        sealed = self._seal_tokens(account_id, tokens)
        async with self._database.writing() as session:
            await repository.replace_tokens(session, account_id, lease.generation, sealed, _refresh_after(tokens))

    async def _drop(self, account_id: int, generation: int) -> None:
        async with self._database.writing() as session:
            await repository.replace_tokens(session, account_id, generation, None)

    def _seal(self, values: dict[str, str | int]) -> str:
        return self._cipher.encrypt(json.dumps(values).encode())

    def _seal_tokens(self, account_id: int, tokens: Tokens) -> str:
        return self._seal(
            {"account": account_id, "access_token": tokens.access_token, "refresh_token": tokens.refresh_token}
        )

    def _open(self, account_id: int, sealed: str) -> dict[str, str] | None:
        """None if it can't be decrypted, or was sealed for another account, whose row it was copied from."""
        try:
            values: dict[str, Any] = json.loads(self._cipher.decrypt(sealed))
        except NotDecryptable:
            log.warning("OneDrive's tokens were encrypted with another LIGHTBOX_SECRET_KEY", account_id=account_id)
            return None
        return values if values.get("account") == account_id else None

    def _open_consent(self, consent: Consent) -> ConsentSecrets | None:
        values = self._open(consent.account_id, consent.secrets)
        return None if values is None else ConsentSecrets(state=values["state"], verifier=values["verifier"])


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode(errors="surrogatepass")).digest()


def _refresh_after(tokens: Tokens) -> float:
    """Seconds. Tokens with a short life are used for most of it."""
    return tokens.expires_in - min(REFRESH_BEFORE_SECONDS, tokens.expires_in / 5)

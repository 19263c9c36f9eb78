"""The rules of imports: which rows become accounts, and why others do not.

A file is imported in one transaction. Rows that can't become accounts are left out and reported.
"""

import heapq
import itertools
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import anyio.to_thread

from auth_service.accounts.fields import authority_of, clean_email
from auth_service.accounts.repository import lock_all_skeletons
from auth_service.accounts.usernames import (
    LONGEST_TYPED_USERNAME,
    clean_username,
    username_key,
    username_problem,
    username_skeletons,
)
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.imports import repository
from auth_service.imports.files import AccountFile, Entry
from auth_service.passwords.stored_hashes import from_werkzeug, hash_problem
from auth_service.request_source import RequestSource
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession

BATCH: Final = 1000

NO_USERNAME: Final = "it has no username"
INVALID_USERNAME: Final = "its username is not valid"
NO_HASH: Final = "it has no password hash"
UNUSABLE_HASH: Final = "its password hash can't be used"
INVALID_EMAIL: Final = "its email is not valid"
UNKNOWN_AUTHORITY: Final = f"its authority is not one of {', '.join(each.name.lower() for each in Authority)}"
ADMIN: Final = "it is an administrator, and none are allowed"
REPEATED: Final = "its username is in the file before"
TAKEN: Final = "its username is taken"
LOOKS_ALIKE: Final = "its username looks like that of another account, or of a row before it"

_DJANGOS_PREFIX: Final = re.compile(r"^(?:argon2(?=\$argon2id\$)|bcrypt\$(?=\$2))")
"""The prefixes that Django puts before hashes of argon2 and bcrypt."""


class Refused(ValueError):
    """An entry does not become an account; the text says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of an import."""

    authority: Authority = Authority.NONE
    """The authority of rows without one."""
    allow_admins: bool = False

    def account(self, entry: Entry) -> dict[str, object]:
        """The values of the account that an entry becomes. Raises `Refused`."""
        if entry.problem is not None:
            raise Refused(entry.problem)
        username = _username(entry.fields.get("username"))
        values: dict[str, object] = {
            "line": entry.line,
            "username": username,
            "username_key": username_key(username),
            "skeletons": username_skeletons(username),
            "password_hash": _password_hash(entry.fields.get("password_hash")),
            "email": _email(entry.fields.get("email")),
        }
        authority = _authority(entry.fields.get("authority"), self.authority)
        if authority is Authority.ADMIN and not self.allow_admins:
            raise Refused(ADMIN)
        return {**values, "authority": int(authority)}


@dataclass(slots=True)
class Skipped:
    """The lines that were skipped, by reason. Each line takes eight bytes; iteration is in the order of the lines."""

    by_reason: dict[str, "array[int]"] = field(default_factory=dict)

    def add(self, reason: str, *lines: int) -> None:
        """Add lines."""
        self.by_reason.setdefault(reason, array("q")).extend(lines)

    def __len__(self) -> int:
        return sum(map(len, self.by_reason.values()))

    def __iter__(self) -> Iterator[tuple[int, str]]:
        pairs = [[(line, reason) for line in sorted(lines)] for reason, lines in self.by_reason.items()]
        return heapq.merge(*pairs)


@dataclass(slots=True)
class Imported:
    """The outcome of an import."""

    accounts: int = 0
    skipped: Skipped = field(default_factory=Skipped)
    ignored: list[str] = field(default_factory=list)
    """The names of unknown columns."""


async def import_accounts(
    session: WriteSession, file: AccountFile, rules: Rules, source: RequestSource, *, dry_run: bool
) -> Imported:
    """Import a file; with `dry_run` find out what that would do. Raises `UnreadableFile`."""
    done = Imported()
    await repository.begin(session)
    entries = await anyio.to_thread.run_sync(iter, file)
    while True:
        # In a thread, since reading the file and checking the hashes would block the event loop.
        rows, more = await anyio.to_thread.run_sync(_batch, entries, rules, done.skipped)
        if rows:
            await repository.collect(session, rows)
        if not more:
            break
    done.skipped.add(REPEATED, *await repository.drop_repeated(session))
    done.ignored = sorted(file.ignored)
    if not dry_run:
        await lock_all_skeletons(session)  # at the end: until then people can sign up
    done.skipped.add(LOOKS_ALIKE, *await repository.drop_look_alikes(session))
    if dry_run:
        done.accounts, lines = await repository.taken(session)
        done.skipped.add(TAKEN, *lines)
        return done
    inserted = await repository.insert_many(session)
    done.accounts = inserted.accounts
    done.skipped.add(TAKEN, *inserted.lines_taken)
    if done.accounts:
        await record(
            session,
            Action.ACCOUNTS_IMPORTED,
            source,
            accounts=done.accounts,
            first_id=inserted.first_id,
            last_id=inserted.last_id,
        )
    for account_id in inserted.administrators:
        await record(session, Action.ADMINISTRATOR_MADE, source, account_id=account_id)
    return done


def _batch(entries: Iterator[Entry], rules: Rules, skipped: Skipped) -> tuple[list[dict[str, object]], bool]:
    """The accounts of the next entries, and whether there may be more entries."""
    batch = list(itertools.islice(entries, BATCH))
    rows = []
    for entry in batch:
        try:
            rows.append(rules.account(entry))
        except Refused as error:
            skipped.add(str(error), entry.line)
    return rows, len(batch) == BATCH


def _username(value: object) -> str:
    if value is None or value == "":
        raise Refused(NO_USERNAME)
    if not isinstance(value, str) or len(value) > LONGEST_TYPED_USERNAME:
        raise Refused(INVALID_USERNAME)
    username = clean_username(value)
    if username_problem(username) is not None:
        raise Refused(INVALID_USERNAME)
    return username


def _password_hash(value: object) -> str:
    if value is None or value == "":
        raise Refused(NO_HASH)
    if not isinstance(value, str) or not value.isascii() or not value.strip().isprintable():
        raise Refused(UNUSABLE_HASH)
    stored = from_werkzeug(_DJANGOS_PREFIX.sub("", value.strip()))
    reason = hash_problem(stored)
    if reason is not None:
        raise Refused(f"{UNUSABLE_HASH}: {reason}")
    return stored


def _email(value: object) -> str | None:
    if value is None or value == "":
        return None
    email = clean_email(value.strip()) if isinstance(value, str) else None
    if email is None:
        raise Refused(INVALID_EMAIL)
    return email


def _authority(value: object, default: Authority) -> Authority:
    if value is None or value == "":
        return default
    authority = authority_of(value.strip().lower() if isinstance(value, str) else value)
    if authority is None:
        raise Refused(UNKNOWN_AUTHORITY)
    return authority

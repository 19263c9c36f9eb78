"""Authentication over CoAP: a device with a security context (OSCORE, RFC 8613) is itself, every other client is
anonymous.

The contexts are folders in aiocoap's format, one for each device, inside of the folder that the setting
`coap_credentials` names. A folder contains `settings.json` with `device-id`, `sender-id_hex`, `recipient-id_hex` and,
there or in `secret.json`, `secret_hex` (and optionally `salt_hex`). The service writes `sequence.json` into it and
holds a lock, so that no two processes use one context. A folder that was restored from a backup must not be used again,
but be replaced by a new context.

After a restart the service does not know which sequence numbers a device has used, and asks it once for a fresh one
(Echo, RFC 8613 appendix B.1.2). Known limits: aiocoap writes and syncs `sequence.json` on the event loop, at the first
message of a context after a start and once in ten to ten thousand notifications; folders are read at the start alone,
and later only looked at to see whether they are still there (`coap.revocation`).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiocoap import Message
from aiocoap.credentials import CredentialsMap
from aiocoap.error import Error, RenderableError
from aiocoap.oscore import FilesystemSecurityContext, ProtectionInvalid
from filelock import BaseFileLock, Timeout

from core_collection_service.access import Access, Caller
from core_collection_service.device_ids import check_device_id
from lightbox_shared.errors import LightboxError, NotAuthenticated
from lightbox_shared.process.startup import StartupError

_DEVICE_ID: Final = "device-id"
MALFORMED: Final = (Error, ValueError, LookupError, AttributeError, TypeError)
"""What the library raises for messages that are not what it expects: some are its own errors, others slips."""


class CredentialsError(StartupError):
    """What is wrong with the credentials, for the administrator of the service."""


class DeviceContext(FilesystemSecurityContext):  # type: ignore[misc] # the library has no types
    """The security context of one device."""

    lockfile: BaseFileLock | None

    def __init__(self, folder: Path, device_id: str) -> None:
        try:
            super().__init__(str(folder))
        except BaseException:
            if self.lockfile is not None:
                self.lockfile.release()
                self.lockfile = None  # or the library would write numbers of a context that it could not read
            raise
        self.device_id = device_id
        self.authenticated_claims = [device_id]
        self._files = _contents(folder)
        self._folder = folder
        self._is_revoked = False
        self._callbacks: set[Callable[[], None]] = set()

    def has_changed(self) -> bool:
        """Whether the files with the keys are gone, or others. Files that can't be read at the moment have not
        changed."""
        try:
            return _contents(self._folder) != self._files
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False

    @contextmanager
    def on_revocation(self, callback: Callable[[], None]) -> Iterator[None]:
        """Until the end of the block, call `callback` at `revoke`; at once if that was called before."""
        self._callbacks.add(callback)
        try:
            if self._is_revoked:
                callback()
            yield
        finally:
            self._callbacks.discard(callback)

    def revoke(self) -> None:
        """Tell those who wait for it that the context was taken away."""
        self._is_revoked = True
        for callback in tuple(self._callbacks):
            callback()

    def give_up(self) -> None:
        """Write nothing any more, and release the lock."""
        if self.lockfile is not None:
            self.lockfile.release()
            self.lockfile = None
        self._store = _store_nothing

    def unprotect(self, protected_message: Message, request_id: object = None) -> tuple[Message, object]:
        """The message inside. Raises `ProtectionInvalid` for whatever is wrong with the bytes of a client, and
        `OSError` where the sequence numbers can't be written."""
        try:
            found: tuple[Message, object] = super().unprotect(protected_message, request_id)
        except (RenderableError, ProtectionInvalid):
            raise
        except MALFORMED as error:
            raise ProtectionInvalid("It can't be read.") from error
        return found

    def close(self) -> None:
        """Write the sequence numbers, and release the lock."""
        if self.lockfile is not None:
            self._destroy()


def check_settings(access: Access, credentials: Path | None) -> None:
    """Raises `CredentialsError` where the collection takes keys and no device could authenticate itself."""
    if access is Access.KEYS and credentials is None:
        raise CredentialsError(
            "Where the collection takes keys, CoAP needs LIGHTBOX_COAP_CREDENTIALS, the folder of the devices' OSCORE"
            " contexts. LIGHTBOX_COAP=false switches CoAP off; LIGHTBOX_COLLECTION_ACCESS=open lets every client send."
        )


@contextmanager
def opened_contexts(folder: Path) -> Iterator[CredentialsMap]:
    """The contexts of all devices, locked until the end. Raises `CredentialsError`."""
    contexts: dict[str, DeviceContext] = {}
    try:
        for each in _folders(folder):
            context = _context(each)
            contexts[each.name] = context
            if any(_has_same_ids(context, other) for name, other in contexts.items() if name != each.name):
                raise CredentialsError(f"{each.name}: the recipient ID is another context's already.")
        credentials = CredentialsMap()
        credentials.update({f":{name}": context for name, context in contexts.items()})
        yield credentials
    finally:
        for context in contexts.values():
            context.close()


def caller_of(message: Message, access: Access) -> Caller:
    """The client that sent a request."""
    context = context_of(message)
    return Caller.anonymous(access) if context is None else Caller.of_device(access, context.device_id)


def _store_nothing() -> None:
    """In place of writing sequence numbers into a folder that is not this context's any more."""


def context_of(message: Message) -> DeviceContext | None:
    """The security context of the client that sent a request, None without one."""
    context = getattr(message.remote, "security_context", None)
    return context if isinstance(context, DeviceContext) else None


def check_authenticated(caller: Caller) -> None:
    """Raises `NotAuthenticated` for a client that could send no picture at all, so that its body need not be read."""
    if caller.access is Access.KEYS and caller.device_id is None:
        raise NotAuthenticated("Devices send by OSCORE here (RFC 8613).")


def _contents(folder: Path) -> tuple[bytes, ...]:
    """What is in the files with the keys; the second one need not exist. Raises `OSError`."""
    settings, secret = folder / "settings.json", folder / "secret.json"
    return (settings.read_bytes(), secret.read_bytes()) if secret.exists() else (settings.read_bytes(),)


def _folders(folder: Path) -> list[Path]:
    try:
        found = sorted(each for each in folder.iterdir() if each.is_dir())
    except OSError as error:
        raise CredentialsError(f"LIGHTBOX_COAP_CREDENTIALS can't be read: {error.strerror}.") from error
    if not found:
        raise CredentialsError("LIGHTBOX_COAP_CREDENTIALS has no folder of a device in it.")
    return found


def _context(folder: Path) -> DeviceContext:
    try:
        settings = json.loads((folder / "settings.json").read_text())
        return DeviceContext(folder, check_device_id(settings[_DEVICE_ID]))
    except KeyError as error:
        raise CredentialsError(f"{folder.name}: settings.json has no {error.args[0]}.") from error
    except Timeout as error:
        raise CredentialsError(f"{folder.name}: another process uses this context.") from error
    except (OSError, ValueError, TypeError, LightboxError) as error:
        # The text of the error may contain a part of a secret.
        raise CredentialsError(f"{folder.name}: not a security context ({type(error).__name__}).") from None


def _has_same_ids(one: DeviceContext, other: DeviceContext) -> bool:
    return bool(one.recipient_id == other.recipient_id and one.id_context == other.id_context)

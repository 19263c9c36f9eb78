"""Who sends over CoAP: a device with a security context of its own (OSCORE, RFC 8613), or anybody.

The contexts are folders in aiocoap's format, one for each device, in the folder of the setting `coap_credentials`. A
folder has `settings.json` with `device-id`, `sender-id_hex`, `recipient-id_hex` and, there or in `secret.json`,
`secret_hex` (and `salt_hex`, if any). The service writes `sequence.json` into it and holds a lock, so that no two
processes use one context. A folder that was restored from a backup must not be used again: make another context.

After a restart the service does not know which numbers a device has used, and asks it once for a fresh one (Echo,
RFC 8613 appendix B.1.2). Known limits: aiocoap writes and syncs `sequence.json` on the event loop, at a context's first
message after a start and once in ten to ten thousand notifications; folders are read at the start alone.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiocoap import Message
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore import FilesystemSecurityContext
from filelock import BaseFileLock, Timeout

from core_collection_service.access import Access, Caller
from core_collection_service.pictures.submission import check_device_id
from lightbox_shared.errors import LightboxError, NotAuthenticated

_DEVICE_ID: Final = "device-id"


class CredentialsError(ValueError):
    """What is wrong with the credentials, for whoever runs the service."""


class DeviceContext(FilesystemSecurityContext):  # type: ignore[misc] # the library has no types
    """A device's security context."""

    lockfile: BaseFileLock | None

    def __init__(self, folder: Path, device_id: str) -> None:
        try:
            super().__init__(str(folder))
        except BaseException:
            if self.lockfile is not None:
                self.lockfile.release()
                self.lockfile = None  # or the library would write the numbers of a context that it could not read
            raise
        self.device_id = device_id
        self.authenticated_claims = [device_id]

    def close(self) -> None:
        """Write the numbers, and give the lock back."""
        if self.lockfile is not None:
            self._destroy()


def check_access(access: Access, credentials: Path | None) -> None:
    """Raises `CredentialsError` where nobody could be believed."""
    if access is Access.KEYS and credentials is None:
        raise CredentialsError(
            "Where the collection takes keys, CoAP needs LIGHTBOX_COAP_CREDENTIALS, the folder of the devices' OSCORE"
            " contexts. LIGHTBOX_COAP=false switches CoAP off; LIGHTBOX_COLLECTION_ACCESS=open lets everybody send."
        )


@contextmanager
def opened(folder: Path) -> Iterator[CredentialsMap]:
    """The contexts of all devices, locked until the end. Raises `CredentialsError`."""
    contexts: dict[str, DeviceContext] = {}
    try:
        for each in _folders(folder):
            context = _context(each)
            contexts[each.name] = context
            if any(_same_name(context, other) for name, other in contexts.items() if name != each.name):
                raise CredentialsError(f"{each.name}: the recipient ID is another context's already.")
        credentials = CredentialsMap()
        credentials.update({f":{name}": context for name, context in contexts.items()})
        yield credentials
    finally:
        for context in contexts.values():
            context.close()


def caller_of(message: Message, access: Access) -> Caller:
    """Whoever sent a request."""
    context = getattr(message.remote, "security_context", None)
    return Caller.of_device(access, context.device_id) if isinstance(context, DeviceContext) else Caller.nobody(access)


def check_known(caller: Caller) -> None:
    """Before a body is taken in: raises `NotAuthenticated` for somebody who may send nothing, whatever it is."""
    if caller.access is Access.KEYS and caller.device_id is None:
        raise NotAuthenticated("Devices send by OSCORE here (RFC 8613).")


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
        # Its text may have a part of a secret in it.
        raise CredentialsError(f"{folder.name}: not a security context ({type(error).__name__}).") from None


def _same_name(one: DeviceContext, other: DeviceContext) -> bool:
    return bool(one.recipient_id == other.recipient_id and one.id_context == other.id_context)

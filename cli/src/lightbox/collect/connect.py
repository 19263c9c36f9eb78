"""The choice of a transport by the scheme of an address."""

from contextlib import AbstractAsyncContextManager

from lightbox.collect.address import Address
from lightbox.collect.api_key import KEY_VARIABLE
from lightbox.collect.callbacks import StatusCallback, ignore_status
from lightbox.collect.errors import CollectError
from lightbox.collect.transport import Transport


def connect(
    address: Address, key: str | None = None, on_status: StatusCallback = ignore_status
) -> AbstractAsyncContextManager[Transport]:
    """A transport for this address, open for as long as the context lasts.

    Raises `CollectError` for an API key together with CoAP, which would carry it unencrypted.
    """
    if address.is_coap:
        if key is not None:
            raise CollectError(
                f"An API key is never sent over coap://, which everybody on the way can read: use https://, or unset"
                f" {KEY_VARIABLE}."
            )
        from lightbox.collect.coap import CoapTransport  # noqa: PLC0415 - aiocoap takes its time to load

        return CoapTransport.open(address, on_status)
    from lightbox.collect.http import HttpTransport  # noqa: PLC0415 - as above

    return HttpTransport.open(address, key)

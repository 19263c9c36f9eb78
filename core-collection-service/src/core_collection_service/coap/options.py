"""Which options a request may have, how often and how long (RFC 7252 sections 5.4 and 5.10; RFC 7641, 7959, 7967, 8768
and 9175).

An option that is there too often, or whose value is too short or too long, is treated like one that is not known
(sections 5.4.3 and 5.4.5): a critical one is an error, an elective one is ignored, and of an elective one that may not
repeat the first counts.

Known limit: the length of a number inside of a message that is protected by OSCORE is that of its shortest form, since
the library does not tell how it was written.
"""

from typing import Final, NamedTuple

from aiocoap import Message
from aiocoap.numbers.optionnumbers import OptionNumber

from core_collection_service.coap.errors import BadOption, NoProxy
from lightbox_shared.errors import BadRequest

_RESERVED_SIZE_EXPONENT: Final = 7
_PAYLOAD_MARKER: Final = 0xFF


class _Definition(NamedTuple):
    """How long the values of an option are, in bytes, and whether there may be several."""

    shortest: int
    longest: int
    repeatable: bool = False


_DEFINITIONS: Final = {
    OptionNumber.URI_HOST: _Definition(1, 255),
    OptionNumber.ETAG: _Definition(1, 8, repeatable=True),
    OptionNumber.OBSERVE: _Definition(0, 3),
    OptionNumber.URI_PORT: _Definition(0, 2),
    OptionNumber.LOCATION_PATH: _Definition(0, 255, repeatable=True),
    OptionNumber.URI_PATH: _Definition(0, 255, repeatable=True),
    OptionNumber.CONTENT_FORMAT: _Definition(0, 2),
    OptionNumber.MAX_AGE: _Definition(0, 4),
    OptionNumber.URI_QUERY: _Definition(0, 255, repeatable=True),
    OptionNumber.HOP_LIMIT: _Definition(1, 1),
    OptionNumber.ACCEPT: _Definition(0, 2),
    OptionNumber.LOCATION_QUERY: _Definition(0, 255, repeatable=True),
    OptionNumber.BLOCK2: _Definition(0, 3),
    OptionNumber.BLOCK1: _Definition(0, 3),
    OptionNumber.SIZE2: _Definition(0, 4),
    OptionNumber.SIZE1: _Definition(0, 4),
    OptionNumber.ECHO: _Definition(1, 40),
    OptionNumber.NO_RESPONSE: _Definition(0, 1),
    OptionNumber.REQUEST_TAG: _Definition(0, 8, repeatable=True),
}
"""The options that are known. Critical ones that are not here are not supported."""


def note_lengths(message: Message, data: bytes) -> None:
    """Note at each option of a message how long its value is in `data`, the datagram: the library has decoded it, and a
    number can be written in more bytes than it needs (section 3.2)."""
    at, number = 4 + (data[0] & 0x0F), 0
    seen: dict[int, int] = {}
    while at < len(data) and data[at] != _PAYLOAD_MARKER:
        head = data[at]
        delta, at = _extended(data, at + 1, head >> 4)
        length, at = _extended(data, at, head & 0x0F)
        number += delta
        at += length
        nth = seen[number] = seen.get(number, -1) + 1
        message.opt.get_option(OptionNumber(number))[nth].length = length


def _extended(data: bytes, at: int, nibble: int) -> tuple[int, int]:
    """A delta or a length of section 3.1, and where the next field begins."""
    following = {13: 1, 14: 2}.get(nibble, 0)
    base = {13: 13, 14: 269}.get(nibble, nibble)
    return base + int.from_bytes(data[at : at + following]), at + following


def check_options(message: Message) -> None:
    """Take away the elective options that are ignored. Raises `NoProxy` for a request to a proxy, `BadOption` for a
    critical option that is not supported or not as it is defined, and `BadRequest` for the reserved block size (RFC
    7959 section 2.2)."""
    if message.opt.proxy_uri is not None or message.opt.proxy_scheme is not None:
        raise NoProxy
    wrong: OptionNumber | None = None
    for number in {option.number for option in message.opt.option_list()}:
        definition = _DEFINITIONS.get(number)
        if definition is None:
            if number.is_critical():
                raise BadOption(f"The option {int(number)} is critical and not supported here.")
            continue
        options = message.opt.get_option(number)
        fitting = [each for each in options if definition.shortest <= _length(each) <= definition.longest]
        accepted = fitting if definition.repeatable else fitting[:1]
        if len(accepted) < len(options):
            if number.is_critical():
                wrong = number
            message.opt.delete_option(number)
            for each in accepted:
                message.opt.add_option(each)
    if wrong is not None:
        raise BadOption(
            f"The option {int(wrong)} is there too often, or is too short or too long (RFC 7252 section 5.10)."
        )
    for block in (message.opt.block1, message.opt.block2):
        if block is not None and block.size_exponent == _RESERVED_SIZE_EXPONENT:
            raise BadRequest("The block size exponent 7 is reserved (RFC 7959 section 2.2).")


def _length(option: object) -> int:
    length: int | None = getattr(option, "length", None)
    return len(option.encode()) if length is None else length  # type: ignore[attr-defined] # the library has no types

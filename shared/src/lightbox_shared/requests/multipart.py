"""Reading `multipart/form-data` (RFC 7578) as clients write it, one rule for all services.

- The endpoint says which field is a file. A part of that name is a file if it has a file name, also one that is written
  as `filename*` alone (RFC 8187; RFC 7578 section 4.2 forbids it, and clients do it), or a media type that is no text.
- Every other part is a text, also one that was sent as a file. Its character set is that of its own `Content-Type`, or
  of a field `_charset_` (section 4.6), or UTF-8. A file in a field that is a text for nobody is left out.
- What stands before the first boundary and after the last one is ignored (RFC 2046 section 5.1.1).
- `Content-Transfer-Encoding` of `base64` and `quoted-printable`, which section 4.7 deprecates, is decoded: a picture
  would be kept as its base64 otherwise.

Of several parts of one name the last counts; that is left to the callers, which may read several files of one name.

Known limits: white space between a boundary and its line end (RFC 2046's transport padding) is not understood, nor is
an empty part without the line end that belongs to its boundary.
"""

import binascii
import codecs
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Final
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from lightbox_shared.concurrency.memory_budget import Reservation
from lightbox_shared.errors import BadRequest, TooLarge, UnsupportedMediaType
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.requests.file_sizes import DECIDING_BYTES, FileSizes, in_megabytes

ENDED_EARLY: Final = "The body ended early."
UTF8: Final = frozenset({b"utf-8", b"utf8"})

_NO_PARTS: Final = "The multipart body is broken: the boundary that Content-Type names is not in it."
_CHARSET_FIELD: Final = "_charset_"
# Codecs of Python that are no character sets of texts that somebody types, or that take much time for some of them.
_NO_CHARSETS: Final = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
)
_CARELESS_DEFAULTS: Final = frozenset({"ascii", "iso8859-1"})
_PARAMETER: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_EXTENDED: Final = re.compile(r"(?P<name>[^*]+)(?:\*(?P<section>\d{1,3}))?(?P<encoded>\*)?")
_CHARSET_AND_LANGUAGE: Final = re.compile(r"([^']*)'[^']*'")
_PLAIN_ENCODINGS: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})


async def read_multipart(
    headers: Headers,
    stream: AsyncGenerator[bytes, None],
    *,
    file: str | None,
    max_files: int,
    max_fields: int,
    max_part_bytes: int,
    file_sizes: FileSizes | None = None,
    memory: Reservation | None = None,
) -> FormData:
    """The parts of a multipart body: files of the field `file` as `UploadFile`, all others as texts. The caller must
    `close()` it, since files above 1 MB are on disk.

    Raises `UnsupportedMediaType` for another character set than UTF-8 of the body, `BadRequest` for a body that is
    malformed or incomplete, `TooLarge` for a file above its limit in `file_sizes`, and `Unavailable` if `memory` has no
    room for the part of the files that is not on disk. The last two are raised as soon as that is known.
    """
    _, parameters = parse_options_header(headers["content-type"])
    if parameters.get(b"charset", b"utf-8").lower() not in UTF8:
        raise UnsupportedMediaType("Send multipart/form-data in UTF-8; a part may name another character set.")
    parser = _Parser(
        headers,
        stream,
        boundary=parameters.get(b"boundary", b""),
        file=file,
        file_sizes=file_sizes,
        memory=memory,
        max_files=max_files,
        max_fields=max_fields,
        max_part_size=max_part_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The multipart body is broken: {error.message}") from error
    except ClientDisconnect as error:
        raise BadRequest(ENDED_EARLY) from error
    try:
        return FormData(parser.decoded(form))
    except BaseException:
        await form.close()
        raise


@dataclass(frozen=True, slots=True)
class _Text:
    """A part that is a text, before its character set is known."""

    data: bytes
    charset: str | None
    was_file: bool


@dataclass(slots=True)
class _Base64:
    rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """The bytes that are complete. Raises `ValueError`."""
        self.rest += data.translate(None, b" \t\r\n")
        whole = len(self.rest) if is_last else len(self.rest) // 4 * 4
        decoded = binascii.a2b_base64(self.rest[:whole], strict_mode=True) if whole else b""
        del self.rest[:whole]
        return decoded


@dataclass(slots=True)
class _QuotedPrintable:
    rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """The lines that are complete."""
        self.rest += data
        whole = len(self.rest) if is_last else self.rest.rfind(b"\n") + 1
        decoded = binascii.a2b_qp(self.rest[:whole])
        del self.rest[:whole]
        return decoded


_DECODERS: Final[dict[bytes, type[_Base64] | type[_QuotedPrintable]]] = {
    b"base64": _Base64,
    b"quoted-printable": _QuotedPrintable,
}


class _Parser(MultiPartParser):
    """Starlette's parser with this module's rule of what is a file. It refuses a body without a closing boundary, which
    Starlette's own takes for complete."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        boundary: bytes,
        file: str | None,
        file_sizes: FileSizes | None,
        memory: Reservation | None,
        **limits: int,
    ) -> None:
        super().__init__(headers, self._parts(stream, b"--" + boundary), **limits)
        self._file_field = file
        self._file_sizes = file_sizes
        self._memory = memory
        self._beginning = bytearray()
        """Of the current file, until its limit is known."""
        self._max_file_bytes: int | None = None
        self._texts: list[_Text | None] = []
        """In the order of `items`; None for files."""
        self._complete = False
        self._part_bytes = 0
        self._decoder: _Base64 | _QuotedPrintable | None = None
        self._charset_of_part: str | None = None
        self._is_left_out = False
        self._was_file = False

    async def _parts(self, stream: AsyncGenerator[bytes, None], delimiter: bytes) -> AsyncGenerator[bytes, None]:
        """The body from its first boundary on."""
        before: bytearray | None = bytearray(b"\n")
        async for chunk in stream:
            if before is None:
                yield chunk
                continue
            before += chunk
            found = before.find(b"\n" + delimiter)
            if found < 0:
                del before[: max(0, len(before) - len(delimiter))]
                continue
            yield bytes(before[found + 1 :])
            before = None
        # Raised inside of the stream, so that `parse` closes its temporary files.
        if before is not None:
            raise BadRequest(_NO_PARTS)
        if not self._complete:
            raise BadRequest(ENDED_EARLY)

    def on_headers_finished(self) -> None:
        part, headers = self._current_part, dict(self._current_part.item_headers)
        options = _options(part.content_disposition or b"")
        if "name" not in options:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        part.field_name = options["name"]
        media_type, parameters = parse_options_header(headers.get(b"content-type", b""))
        self._part_bytes, self._is_left_out = 0, False
        self._charset_of_part = parameters.get(b"charset", b"").decode("latin-1") or None
        encoding = headers.get(b"content-transfer-encoding", b"").strip().lower()
        if encoding not in _PLAIN_ENCODINGS and encoding not in _DECODERS:
            raise MultiPartException("A part has an unknown Content-Transfer-Encoding.")
        self._decoder = _DECODERS[encoding]() if encoding in _DECODERS else None
        self._was_file = "filename" in options or not (media_type == b"" or media_type.startswith(b"text/"))
        if self._was_file and part.field_name == self._file_field:
            self._begin_file(options.get("filename", ""))
            return
        self._current_fields += 1
        if self._current_fields > self.max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self.max_fields}.")

    def _begin_file(self, name: str) -> None:
        self._current_files += 1
        if self._current_files > self.max_files:
            raise MultiPartException(f"Too many files. Maximum number of files is {self.max_files}.")
        spooled = SpooledTemporaryFile[bytes](max_size=self.spool_max_size)
        self._files_to_close_on_error.append(spooled)
        headers = Headers(raw=self._current_part.item_headers)
        self._current_part.file = UploadFile(file=spooled, size=0, filename=name, headers=headers)  # type: ignore[arg-type]
        self._beginning.clear()
        self._max_file_bytes = None if self._file_sizes is None else self._file_sizes.largest

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._add(self._undone(data[start:end], is_last=False))

    def _add(self, data: bytes) -> None:
        self._part_bytes += len(data)
        if self._current_part.file is not None:
            self._check_file(data)
            self._file_parts_to_write.append((self._current_part, data))
        elif self._part_bytes <= self.max_part_size:
            self._current_part.data.extend(data)
        elif self._was_file:
            self._is_left_out = True
        else:
            raise MultiPartException(f"Part exceeded maximum size of {int(self.max_part_size / 1024)}KB.")

    def _check_file(self, data: bytes) -> None:
        """Raises `TooLarge` and `Unavailable`."""
        if self._file_sizes is not None and len(self._beginning) < DECIDING_BYTES:
            self._beginning += data[:DECIDING_BYTES]
            if len(self._beginning) >= DECIDING_BYTES:
                self._max_file_bytes = self._file_sizes.limit_of(bytes(self._beginning))
        if self._max_file_bytes is not None and self._part_bytes > self._max_file_bytes:
            sentence = f"A file is larger than {in_megabytes(self._max_file_bytes)}."
            raise TooLarge(Sentence("file-too-large", sentence, bytes=self._max_file_bytes))
        if self._memory is not None:
            before = self._part_bytes - len(data)
            is_moved_to_disk = self._part_bytes > self.spool_max_size >= before
            self._memory.grow(-before if is_moved_to_disk else 0 if before > self.spool_max_size else len(data))

    def on_part_end(self) -> None:
        if self._decoder is not None:
            self._add(self._undone(b"", is_last=True))
        if self._current_part.file is not None:
            self._texts.append(None)
            super().on_part_end()
        elif not self._is_left_out:
            data = bytes(self._current_part.data)
            self._texts.append(_Text(data, self._charset_of_part, self._was_file))
            self.items.append((self._current_part.field_name, ""))

    def _undone(self, data: bytes, *, is_last: bool) -> bytes:
        """The data without its transfer encoding."""
        if self._decoder is None:
            return data
        try:
            return self._decoder.feed(data, is_last=is_last)
        except ValueError as error:
            raise MultiPartException("A part does not fit its Content-Transfer-Encoding.") from error

    def on_end(self) -> None:
        self._complete = True

    def decoded(self, form: FormData) -> list[tuple[str, str | UploadFile]]:
        """The items with their texts. Raises `BadRequest` for one that does not fit its character set."""
        default = "utf-8"
        for (name, _), text in zip(self.items, self._texts, strict=True):
            if name == _CHARSET_FIELD and text is not None:
                default = text.data.decode("latin-1").strip()
        items: list[tuple[str, str | UploadFile]] = []
        for (name, value), text in zip(form.multi_items(), self._texts, strict=True):
            if text is None:
                items.append((name, value))
                continue
            try:
                items.append((name, _decode(text.data, text.charset or default)))
            except ValueError as error:
                if not text.was_file:  # a picture in a field that nobody reads is no text, and no mistake
                    raise BadRequest(f"The field {name!r}: {error}") from error
        return items


def _decode(data: bytes, charset: str) -> str:
    """The text. Raises `ValueError` with a sentence."""
    try:
        codec = codecs.lookup(charset)
    except (LookupError, ValueError):
        codec = None
    if codec is None or not getattr(codec, "_is_text_encoding", True) or codec.name.replace("-", "_") in _NO_CHARSETS:
        raise ValueError("Its character set is not known.")
    # Some libraries name their default here and then write UTF-8.
    for name in ("utf-8", codec.name) if codec.name in _CARELESS_DEFAULTS else (codec.name,):
        with suppress(UnicodeError):
            return data.decode(name)
    raise ValueError(f"It is not valid {codec.name.upper()}.")


def _options(disposition: bytes) -> dict[str, str]:
    """The parameters of a Content-Disposition header. The extended form (`name*=utf-8''...`, RFC 8187) counts before
    the plain one where it can be read, and its numbered sections (RFC 2231 section 3) are joined."""
    header = _header_text(disposition)
    _, plain = parse_options_header(header.encode("utf-8", "surrogateescape").decode("latin-1"))
    options = {each.decode(): _header_text(value) for each, value in plain.items() if each.isascii()}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, value in _PARAMETER.findall(header):
        found = _EXTENDED.fullmatch(name.lower())
        if found is None or not (found["encoded"] or found["section"]):
            continue
        quoted = value.strip()
        text = re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted.startswith('"') else quoted
        sections.setdefault(found["name"], {})[int(found["section"] or 0)] = (bool(found["encoded"]), text)
    for name, parts in sections.items():
        joined = _joined(parts)
        if joined is not None or name == "filename":  # one that can't be read still says that this is a file
            options[name] = options.get(name, "") if joined is None else joined
    return options


def _joined(parts: dict[int, tuple[bool, str]]) -> str | None:
    """The value of numbered sections; None if it can't be read."""
    encoded, text = parts.get(0, (False, ""))
    charset = ""
    if encoded and (found := _CHARSET_AND_LANGUAGE.match(text)):
        charset, text = found[1], text[found.end() :]
    data = unquote_to_bytes(text) if encoded else text.encode("utf-8", "surrogateescape")
    for number in range(1, len(parts)):
        if number not in parts:
            return None
        is_encoded, text = parts[number]
        data += unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "surrogateescape")
    try:
        return _decode(data, charset or "utf-8")
    except ValueError:
        return None


def _header_text(raw: bytes) -> str:
    """The value of a header as browsers write it: in UTF-8; other bytes stand for themselves."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")

"""Multipart bodies (RFC 7578) as clients write them, generated: what comes out is what was put in, whoever writes the
body, and the standard library's mail parser reads the same."""

import asyncio
import base64
import io
import quopri
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import HTTP
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers, UploadFile
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from lightbox_shared.errors import BadRequest, LightboxError, UnsupportedMediaType
from lightbox_shared.requests.multipart import read_multipart

BOUNDARY = "cut-here"
FILE = "image"
Read = list[tuple[str, str | tuple[str, bytes]]]
"""Name, and a text or the name and the bytes of a file."""


def read(body: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}", *, size: int = 1000) -> Read:
    """What the kit reads in a body that arrives in chunks of `size` bytes."""

    async def stream() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async def parsed() -> Read:
        form = await read_multipart(
            Headers({"content-type": content_type}),
            stream(),
            file=FILE,
            max_files=50,
            max_fields=50,
            max_part_bytes=100_000,
        )
        try:
            return [
                (name, (value.filename or "", await value.read()) if isinstance(value, UploadFile) else value)
                for name, value in form.multi_items()
            ]
        finally:
            await form.close()

    return asyncio.run(parsed())


@dataclass(frozen=True)
class Part:
    """A part, and how it is written."""

    name: str
    filename: str | None
    data: bytes
    disposition: str
    """`plain`, `extended`, `both` or `sections`: how the file name is written."""
    encoding: str
    charset: str | None

    @property
    def expected(self) -> tuple[str, str | tuple[str, bytes]]:
        if self.name == FILE and self.filename is not None:
            return self.name, (self.filename, self.data)
        return self.name, self.data.decode(self.charset or "utf-8")

    def written(self) -> bytes:
        parameters = [f'name="{self.name}"']
        if self.filename is not None:
            parameters += self._filename(self.filename)
        lines = ["Content-Disposition: form-data; " + "; ".join(parameters)]
        if self.charset is not None:
            lines.append(f"Content-Type: text/plain; charset={self.charset}")
        data = self.data
        if self.encoding != "binary":
            lines.append(f"Content-Transfer-Encoding: {self.encoding}")
            data = base64.encodebytes(data) if self.encoding == "base64" else quopri.encodestring(data)
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if self.encoding == "base64" else data
        return "\r\n".join(["--" + BOUNDARY, *lines, "", ""]).encode() + data + b"\r\n"

    def _filename(self, name: str) -> list[str]:
        plain = f'filename="{name}"'
        extended = f"filename*=UTF-8''{quote(name, safe='')}"
        middle = len(name) // 2
        first, second = quote(name[:middle], safe=""), quote(name[middle:], safe="")
        sections = [f"filename*0*=utf-8''{first}", f"filename*1*={second}"]
        written = {"plain": [plain], "extended": [extended], "both": ['filename="other.png"', extended]}
        return written.get(self.disposition, sections)


LETTERS = st.sampled_from("abcXYZ019 _-.äß漢🩻é")
NAMES = st.text(st.sampled_from("abctitle_09"), min_size=1, max_size=6)
FILENAMES = st.text(LETTERS, min_size=2, max_size=12).map(str.strip).filter(lambda name: len(name) > 1)
CHARSETS = st.sampled_from([None, None, "utf-8", "iso-8859-1", "gbk", "utf-16", "iso-2022-jp"])


@st.composite
def parts(draw: st.DrawFn) -> Part:
    is_file = draw(st.booleans())
    name = FILE if is_file else draw(NAMES)
    filename = draw(FILENAMES) if is_file or draw(st.booleans()) else None
    charset = None if is_file else draw(CHARSETS)
    if is_file:
        data = draw(st.binary(max_size=300))
        encoding = draw(st.sampled_from(["binary", "base64"]))
    else:
        alphabet = {
            None: "ab äß漢🩻\r\n-",
            "utf-8": "ab äß漢🩻",
            "gbk": "ab 联通",
            "utf-16": "ab 漢🩻",
            "iso-2022-jp": "ab 日本",
        }
        data = draw(st.text(st.sampled_from(alphabet.get(charset, "abäß")), max_size=40)).encode(charset or "utf-8")
        encoding = draw(st.sampled_from(["binary", "base64"]))
    return Part(
        name, filename, data, draw(st.sampled_from(["plain", "extended", "both", "sections"])), encoding, charset
    )


SURROUNDINGS = st.sampled_from([b"", b"\r\n", b"a preamble\r\n", b"--cut\r\nno: part\r\n\r\n", b"x" * 500 + b"\r\n"])
SIZES = st.sampled_from([1, 2, 3, 7, 64, 100_000])


@given(st.lists(parts(), max_size=6), SURROUNDINGS, st.sampled_from([b"", b"\r\n", b"\r\nepilogue"]), SIZES)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(written: list[Part], before: bytes, after: bytes, size: int) -> None:
    body = before + b"".join(each.written() for each in written) + f"--{BOUNDARY}--".encode() + after
    assert read(body, size=size) == [each.expected for each in written]
    if not written:
        return
    # The mail parser of the standard library reads the same body in the same way.
    head = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=HTTP)
    for found, each in zip(message.iter_parts(), written, strict=True):
        assert found.get_payload(decode=True) == each.data
        assert (found.get_filename() is None) == (each.filename is None)


@given(st.lists(st.tuples(NAMES, st.text(LETTERS)), max_size=5), FILENAMES, st.binary(max_size=2000), SIZES)
@settings(max_examples=100, deadline=None)
def test_other_writers(texts: list[tuple[str, str]], filename: str, data: bytes, size: int) -> None:
    """httpx, Werkzeug and the mail library of Python, which writes base64."""
    fields = dict(texts)
    expected = sorted([*fields.items(), (FILE, (filename, data))], key=str)
    request = httpx.Request("POST", "http://x", data=fields, files={FILE: (filename, data)})
    assert sorted(read(request.read(), request.headers["content-type"], size=size), key=str) == expected
    if data and all(fields.values()):  # Werkzeug leaves out the line end of an empty part, a known limit
        storage = FileStorage(io.BytesIO(data), filename, FILE)
        boundary, body = encode_multipart({**fields, FILE: storage})
        media_type = f"multipart/form-data; boundary={boundary}"
        assert sorted(read(body, media_type, size=size), key=str) == expected
    form = MIMEMultipart("form-data")
    for name, value in fields.items():
        text = MIMEText(value, "plain", "utf-8")
        text.add_header("Content-Disposition", "form-data", name=name)
        form.attach(text)
    picture = MIMEApplication(data)
    picture.add_header("Content-Disposition", "form-data", name=FILE, filename=("utf-8", "", filename))
    form.attach(picture)
    head, _, body = form.as_bytes(policy=HTTP).partition(b"\r\n\r\n")
    media_type = str(message_from_bytes(head)["content-type"])
    assert sorted(read(body, media_type, size=size), key=str) == expected


@given(st.lists(parts(), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_the_last_counts(written: list[Part]) -> None:
    """`dict` of the items is what the services use."""
    body = b"".join(each.written() for each in written) + f"--{BOUNDARY}--\r\n".encode()
    assert dict(read(body)) == dict(each.expected for each in written)


def one(headers: str, data: bytes = b"x") -> Read:
    """What is read in a body of one part with these headers."""
    return read(f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode())


def disposition(more: str = "", *, name: str = FILE) -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}'


@pytest.mark.parametrize(
    ("more", "filename"),
    [
        ("; filename*=utf-8''%e2%82%ac.png", "€.png"),
        ("; filename*=UTF-8'en'a.png", "a.png"),
        ("; filename*=iso-8859-1''%e4.png", "ä.png"),
        ("; filename=x.png", "x.png"),
        ("; filename=\"x.png\"; filename*=utf-8''y.png", "y.png"),
        ("; filename*=utf-8''%e4; filename=x.png", "x.png"),
        ("; filename*=utf-8''%e4", ""),
        ("; filename*=nonsense''x", ""),
        ('; filename*0="a"; filename*1*=%62; filename*2=c', "abc"),
        ("; filename*1=b", ""),
        ('; filename="a;filename*=b"', "a;filename*=b"),
        ("; FileName*=utf-8''x", "x"),
        ("\r\nContent-Type: image/png", ""),
        ("\r\ncontent-type: Application/DICOM", ""),
    ],
)
def test_what_is_a_file(more: str, filename: str) -> None:
    assert one(disposition(more)) == [(FILE, (filename, b"x"))]
    assert one(disposition(more, name="title")) == [("title", "x")]


@pytest.mark.parametrize("more", ["", "\r\nContent-Type: text/plain", "; other*=utf-8''x", '; x="; filename*=y"'])
def test_what_is_a_text(more: str) -> None:
    assert one(disposition(more)) == [(FILE, "x")]


def test_names_of_fields() -> None:
    assert one("Content-Disposition: form-data; name*=utf-8''%C3%A4") == [("ä", "x")]
    assert one("Content-Disposition: form-data; name=title") == [("title", "x")]
    assert one("Content-Disposition: form-data; name=ä") == [("ä", "x")]


def test_the_charset_field() -> None:
    charset = f"--{BOUNDARY}\r\n{disposition(name='_charset_')}\r\n\r\ngb18030\r\n".encode()
    title = f"--{BOUNDARY}\r\n{disposition(name='title')}\r\n\r\n".encode() + "联通".encode("gb18030")
    end = f"\r\n--{BOUNDARY}--".encode()
    assert dict(read(title + b"\r\n" + charset[:-2] + end))["title"] == "联通"
    assert dict(read(charset + title + end))["title"] == "联通"


@pytest.mark.parametrize(
    "charset", ["undefined", "hex", "rot13", "idna", "punycode", "unicode_escape", "x" * 100, "\0"]
)
def test_charsets_that_are_none(charset: str) -> None:
    with pytest.raises(BadRequest, match="character set"):
        one(disposition(f"\r\nContent-Type: text/plain; charset={charset}", name="title"))


def test_a_file_that_is_no_text_is_left_out_where_a_text_is_read() -> None:
    assert one(disposition('; filename="x"', name="other"), b"\xff\xd8") == []
    assert one(disposition('; filename="x"', name="other"), b"a" * 100_001) == []
    with pytest.raises(BadRequest, match="'title': It is not valid UTF-8"):
        one(disposition(name="title"), b"\xff\xd8")


@given(st.binary(max_size=200), SIZES)
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_it(noise: bytes, size: int) -> None:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=a".encode()
    for body in (noise, head + noise, head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + noise):
        for end in (b"", f"\r\n--{BOUNDARY}--".encode()):
            try:
                read(body + end, size=size)
            except LightboxError as error:
                assert isinstance(error, BadRequest | UnsupportedMediaType)  # noqa: PT017


def test_encoded_words_are_names_as_they_are() -> None:
    """Some libraries put an encoded word (RFC 2047) into `filename`, where it means nothing, beside `filename*`."""
    word = Header("ä.png", "utf-8").encode()
    assert one(disposition(f"; filename=\"{word}\"; filename*=utf-8''%C3%A4.png")) == [(FILE, ("ä.png", b"x"))]

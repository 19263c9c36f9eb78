"""`file_path` of a new image: how an address is taken apart, and whose pictures it leads to."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation_service.pictures.file_paths import FilePath, InvalidFilePath, parse_file_path

BASE = "https://lab.example"


def parse(text: str, base: str = BASE) -> FilePath:
    return parse_file_path(text, own_base=base)


@pytest.mark.parametrize(
    ("text", "segments", "query"),
    [
        ("/images/abc.png", ("images", "abc.png"), {}),
        ("/images/abc.png/", ("images", "abc.png"), {}),
        ("/images/眼底 1.png", ("images", "眼底 1.png"), {}),
        ("/images/%E7%9C%BC%201.png", ("images", "眼 1.png"), {}),
        ("/images/100%25.png", ("images", "100%.png"), {}),
        ("/images/a+b..c.png", ("images", "a+b..c.png"), {}),
        ("https://lab.example/images/a.png", ("images", "a.png"), {}),
        ("HTTPS://LAB.example:443/images/a.png", ("images", "a.png"), {}),
        ("/api/chexray/media/9?key=a.b-c", ("api", "chexray", "media", "9"), {"key": "a.b-c"}),
        (
            "/collections/images?deviceId=a%2Fb&timestamp=2024-08-18T02:04:07%2B02:00",
            ("collections", "images"),
            {"deviceId": "a/b", "timestamp": "2024-08-18T02:04:07+02:00"},
        ),
        ("/a?b=", ("a",), {"b": ""}),
    ],
)
def test_addresses(text: str, segments: tuple[str, ...], query: dict[str, str]) -> None:
    assert parse(text) == FilePath(segments, query)


HOSTILE = [
    "",
    "/",
    "//",
    "abc.png",
    "images/abc.png",
    "./images/abc.png",
    "/images/../uploads/a.png",
    "/images/..",
    "/../etc/passwd",
    "/images/./a.png",
    "/images//a.png",
    "/images/%2e%2e/a.png",
    "/images/%2E%2E/a.png",
    "/images/.%2e/a.png",
    "/images/%252e%252e/a.png",
    "/images/..%2fa.png",
    "/images/..%5ca.png",
    "/images\\..\\a.png",
    "\\\\host\\share\\a.png",
    "/images/a%00.png",
    "/images/a\0.png",
    "/images/a\n.png",
    "/images/\ud800.png",
    "/images/%ed%a0%80.png",
    "/images/%ff.png",
    "/images/a%.png",
    "/images/a%zz.png",
    "/images/a.png#x",
    "//lab.example/images/a.png",
    "///images/a.png",
    "https:///images/a.png",
    "http://lab.example/images/a.png",
    "https://lab.example:8443/images/a.png",
    "https://lab.example.evil.org/images/a.png",
    "https://evil.org/https://lab.example/images/a.png",
    "https://lab.example@evil.org/images/a.png",
    "https://user@lab.example/images/a.png",
    "https://lab.example\\@evil.org/images/a.png",
    "https://127.0.0.1/images/a.png",
    "https://lab.example",
    "https://lab.exampleimages/a.png",
    "file:///etc/passwd",
    "ftp://lab.example/images/a.png",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "/a?b=1&b=2",
    "/a?b=%00",
    "/a?b=%ff",
    "/a?" + "&".join(f"x{number}=" for number in range(30)),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_address_of_the_platform(text: str) -> None:
    with pytest.raises(InvalidFilePath, match=r"^[A-Z].*\.$"):
        parse(text)


def test_a_platform_below_a_path() -> None:
    base = "https://lab.example/lightbox"
    assert parse("https://lab.example/lightbox/images/a.png", base) == FilePath(("images", "a.png"), {})
    for other in ("https://lab.example/images/a.png", "https://lab.example/lightbox2/images/a.png"):
        with pytest.raises(InvalidFilePath):
            parse(other, base)


@given(st.text(max_size=60) | st.text(alphabet="/.%2eEfF5cC\\ab:?#&=@", max_size=40))
def test_every_text_is_refused_or_leads_to_plain_segments(text: str) -> None:
    for candidate in (text, "/" + text, "/images/" + text, BASE + "/" + text, "https://" + text):
        try:
            found = parse(candidate)
        except InvalidFilePath:
            continue
        assert candidate.startswith("/") or candidate.lower().startswith(BASE)
        for segment in found.segments:
            assert segment not in {"", ".", ".."}
            assert not set(segment) & set("/\\\0\n\r")


@given(st.text(min_size=1, max_size=40))
def test_a_filename_that_is_escaped_is_found_again(name: str) -> None:
    escaped = quote(name.encode("utf-8", "surrogatepass"), safe="")
    try:
        found = parse("/images/" + escaped)
    except InvalidFilePath:
        return
    assert found.segments == ("images", name)

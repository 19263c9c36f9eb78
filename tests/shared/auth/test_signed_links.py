"""Signed links: forged and expired ones, and those for another purpose, are not found."""

import string

import pytest

from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.errors import NotFound

SECRET = "a secret of the tests, with 32 characters or more"
NOW = 1_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> SignedLinks:
    return SignedLinks(SECRET, "/media", clock=clock)


@pytest.mark.parametrize("value", [7, 0, -1, 2**63, "a/b?c", "", "Röntgen"])
def test_a_value_comes_back(links: SignedLinks, value: str | int) -> None:
    text = links.sign(value, lifetime_seconds=60)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.")
    assert links.read(text) == value


def test_a_link_works_at_least_as_long_as_promised(links: SignedLinks, clock: Clock) -> None:
    for start in range(0, 200, 7):
        clock.now = NOW + start
        text = links.sign(7, lifetime_seconds=100)
        clock.now += 100
        assert links.read(text) == 7
        clock.now += 26  # for caching, a link may live a quarter longer
        with pytest.raises(NotFound):
            links.read(text)


def test_browsers_can_cache_what_is_behind_it(links: SignedLinks, clock: Clock) -> None:
    clock.now = 1000.0
    text = links.sign(7, lifetime_seconds=100)
    clock.now = 1024.0
    assert links.sign(7, lifetime_seconds=100) == text
    clock.now = 1025.0
    assert links.sign(7, lifetime_seconds=100) != text


def test_any_change_is_noticed(links: SignedLinks) -> None:
    text = links.sign(7, lifetime_seconds=60)
    body, signature = text.rsplit(".", 1)
    other = links.sign(8, lifetime_seconds=60).rsplit(".", 1)[0]
    # The last character carries unused bits, which base64 decoders ignore.
    forged = [text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1 :] for i in range(len(text) - 1)]
    for each in (*forged, f"{other}.{signature}", body, f"{body}.", f".{signature}", text[:-4], text * 2):
        with pytest.raises(NotFound):
            links.read(each)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "\0", "Röntgen", "\ud800", "%2e", "A" * 100_000, "." * 1000])
def test_nonsense(links: SignedLinks, text: str) -> None:
    with pytest.raises(NotFound):
        links.read(text)


def test_a_link_is_for_one_purpose_and_one_secret(links: SignedLinks, clock: Clock) -> None:
    for other in (SignedLinks(SECRET, "/other", clock=clock), SignedLinks(SECRET + "!", "/media", clock=clock)):
        with pytest.raises(NotFound):
            links.read(other.sign(7, lifetime_seconds=60))
        with pytest.raises(NotFound):
            other.read(links.sign(7, lifetime_seconds=60))


@pytest.mark.parametrize("signed", [7, [7], [7, NOW, 1], {"a": 1}, [[7], NOW + 60], [None, NOW + 60], []])
def test_something_else_that_we_signed(links: SignedLinks, signed: object) -> None:
    text: str = links._serializer.dumps(signed)
    with pytest.raises(NotFound):
        links.read(text)

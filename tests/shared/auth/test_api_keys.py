"""The form of an API key."""

import random
import string
import zlib

import pytest

from lightbox_shared.auth.api_keys import PREFIX, RANDOM_BYTES, digest, is_well_formed, make

LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def number(text: str) -> int:
    value = 0
    for letter in text:
        value = value * 62 + LETTERS.index(letter)
    return value


@pytest.mark.parametrize("content", [bytes(32), b"\xff" * 32, bytes(range(32))], ids=["zeros", "ones", "counting"])
def test_a_key_holds_its_bits_and_their_checksum(content: bytes) -> None:
    key = make(content)
    assert len(key) == len(PREFIX) + 43 + 6
    body, checksum = key[4:47], key[47:]
    assert number(body).to_bytes(32) == content
    assert number(checksum) == zlib.crc32(body.encode())
    assert is_well_formed(key)


def test_keys_that_exist_stay_what_they_are() -> None:
    """Another alphabet or checksum would make all existing keys invalid."""
    assert make(bytes(range(32))) == "lbx_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"


@pytest.mark.parametrize("length", [0, 16, RANDOM_BYTES - 1, RANDOM_BYTES + 1])
def test_only_so_many_bytes_make_a_key(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make(b"x" * length)


def test_one_changed_letter_is_noticed() -> None:
    chance = random.Random(7)  # noqa: S311 - the same letters each time
    key = make(chance.randbytes(RANDOM_BYTES))
    for place in range(len(PREFIX), len(key)):
        for letter in LETTERS.replace(key[place], ""):
            assert not is_well_formed(key[:place] + letter + key[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lbx_",
        "lbx_" + "0" * 48,
        "lbx_" + "0" * 50,
        "LBX_" + make(bytes(32))[4:],
        make(bytes(32)) + "\n",
        " " + make(bytes(32)),
        make(bytes(32)) + make(bytes(32)),
        make(bytes(32)).replace("0", "٠"),
        make(bytes(32)).replace("0", "\0"),
        make(bytes(32)).replace("0", "-"),
        "lbx_" + "0" * 100_000,
        "eyJhbGciOiJSUzI1NiJ9.e30.AA",
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


def test_the_digest_is_sha_256() -> None:
    assert digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

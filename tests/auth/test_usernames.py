"""What a name may be, which names are one, and which look alike, over all of Unicode."""

import sys
import unicodedata

import disarm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_service.accounts.usernames import (
    MAX_USERNAME_LENGTH,
    USERNAME_RULE,
    clean_username,
    username_key,
    username_problem,
    username_skeletons,
)

ALL = [chr(each) for each in range(sys.maxunicode + 1) if not 0xD800 <= each < 0xE000]
LETTERS = [each for each in ALL if unicodedata.category(each) in {"Lu", "Ll", "Lt", "Lo", "Lm"}]
# Letters that are written as several characters when case does not matter: CaseFolding.txt (F), SpecialCasing.txt.
SPECIALS = [each for each in LETTERS if len(each.casefold()) > 1 or len(each.upper()) > 1 or len(each.lower()) > 1]


def test_letters_whose_case_is_special_make_names() -> None:
    assert "\u0130" in SPECIALS
    assert len(SPECIALS) > 100
    for each in SPECIALS:
        for name in (f"a{each}b", each, f"{each}pek"):
            assert username_problem(clean_username(name)) is None, (name, username_key(name))


def test_one_key_for_all_cases_of_a_name() -> None:
    for each in SPECIALS:
        names = {each, each.casefold(), each.lower()} | (
            {each.upper()} if each.upper().lower() == each.lower() else set()
        )
        assert len({username_key(f"a{name}b") for name in names}) == 1, names


def test_a_key_is_its_own_key() -> None:
    for each in ALL:
        if username_problem(clean_username(f"a{each}b")) is None:
            key = username_key(f"a{each}b")
            assert username_key(key) == key
            assert unicodedata.is_normalized("NFKC", key)


@pytest.mark.parametrize(
    "names",
    [
        ("\u0130pek", "ipek", "IPEK", "i\u0307pek", "I\u0307PEK"),
        ("J\u0307an", "jan"),
        ("\u012e\u0307van", "\u012fvan"),  # a letter with a tail keeps its dot
        ("\u1ecb\u0307a", "\u1ecba"),
        ("Stra\u00dfe", "STRASSE"),
        ("Yelda", "\uff59\uff45\uff4c\uff44\uff41"),
    ],
)
def test_spellings_of_one_name(names: tuple[str, ...]) -> None:
    assert len({username_key(name) for name in names}) == 1


@pytest.mark.parametrize(
    "names",
    [("ipek", "\u0131pek"), ("z\u0307a", "za"), ("i\u0301\u0307a", "i\u0301a"), ("ada", "\u00e1da"), ("a", "\u0430")],
)
def test_other_names(names: tuple[str, ...]) -> None:
    assert len({username_key(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "name",
    [
        "\u0928\u091f\u0940",  # Hindi, Thai, Tamil, Bengali, Hebrew and Arabic with vowels: marks belong to words
        "\u0e19\u0e17\u0e35",
        "\u0e19\u0e49\u0e33",
        "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
        "\u09b0\u09bf\u09a4\u09be",
        "\u05e9\u05c1\u05dc\u05d5\u05b9\u05dd",
        "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
        "x\u0323\u0307",
        "\u0130",
    ],
)
def test_names_with_marks(name: str) -> None:
    assert username_problem(clean_username(name)) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "\u0301a",
        "a" + "\u0301\u0302" * 3,
        "a\ufe0f",
        "a\u034fb",
        "\u3164",
        "a\u115fb",
        "a\u200db",
        "a\u20ddb",
        "a b",
        "\u00bd",
        "a\u202eb",
        "\U000e0101a",
    ],
)
def test_no_names(name: str) -> None:
    assert username_problem(clean_username(name)) == USERNAME_RULE


@given(st.text(st.sampled_from("aiIjJ\u0130\u0131\u0307\u0323\u0301\u012f\u0456\u00df\u01f0\u1fb7\u0345z"), max_size=8))
@settings(deadline=None)
def test_keys_are_stable(name: str) -> None:
    key = username_key(name)
    assert username_key(key) == key
    assert username_key(unicodedata.normalize("NFD", name)) == key


def look_alike(one: str, other: str) -> bool:
    return not set(username_skeletons(one)).isdisjoint(username_skeletons(other))


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("chief", ("chi\u0435f", "CHI\u0415F", "\u0441hief", "\u0441hi\u0435f", "\u03f2hief")),
        ("hill", ("\u041dill", "hi\u04cfl")),
        ("alice", ("a\u0406ice", "a\u04c0ice", "\u0430l\u0456ce")),
        ("doctor", ("d\u0665ctor", "d\u03bfctor", "d\u043ect\u043er")),
        ("admin", ("\u0251dmin", "adm\u0131n")),
    ],
)
def test_names_that_look_alike(name: str, others: tuple[str, ...]) -> None:
    for other in others:
        assert username_problem(clean_username(other)) is None, other
        assert username_key(name) != username_key(other)
        assert look_alike(name, other), other


@pytest.mark.parametrize(
    ("one", "other"),
    [("modern", "modem"), ("ada", "\u0430\u0434\u0430"), ("m\u00fcller", "muller"), ("\u5f20\u58eb", "\u5f20\u571f")],
)
def test_names_that_look_different(one: str, other: str) -> None:
    assert not look_alike(one, other)


def test_every_letter_that_is_shown_as_a_latin_one() -> None:
    """Each letter of another script whose prototype is one of ASCII, in the middle of a name."""
    found = [
        each
        for each in LETTERS
        if not each.isascii()
        and len(skeleton := disarm.skeleton_key(each, digit_policy="tr39")) == 1
        and skeleton.isascii()
        and username_problem(each) is None
    ]
    assert len(found) > 300
    for each in found:
        name = f"b{disarm.skeleton_key(each, digit_policy='tr39')}d"
        assert look_alike(name, f"b{each}d"), (each, name)


def test_the_tables_are_those_of_the_stored_skeletons() -> None:
    """Other tables need a migration that makes the skeletons of all accounts again, as 0007 does."""
    assert disarm.CONFUSABLES_VERSION == "17.0.0"


def test_the_longest_names() -> None:
    assert username_problem("\u00df" * 75) is None
    assert username_problem("\u00df" * 76) is not None  # 152 in the key
    assert username_problem("a" * MAX_USERNAME_LENGTH) is None

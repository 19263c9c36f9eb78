"""Which names files and folders can have, and which of them are equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagehub_service.drives.built_in.names import MAX_LENGTH, check_name, key_of, numbered, units
from imagehub_service.drives.errors import InvalidName

GOOD = [
    "System", "a", "steps-in-instruction-execution-by-cpu.png", "Röntgen 2024", "🩻", "🩻" * 127, "x" * 255,
    "a..b", "a.b.c", "con1", "console", "com", "com10", "lpt", "auxiliary.png", "nullable", "#1 50% & more;", "肺",
    ".gitignore", "~a", "$a", "a~$b", "' OR 1=1 --", "clock$",
]  # fmt: skip
BAD = [
    "", ".", "..", "...", "a.", "a ", " a", " ", "\u00a0a", "a\u2003", "a/b", "/", "../a", "a\\b", "a:b", "a*",
    "a?", 'a"', "<a>", "a|b", "\0", "a\0b", "a\nb", "a\x1fb", "a\x7f", "a\x85b", "x" * 256, "x" * 400, "🩻" * 128,
    "\ud800", "a\udfff", "CON", "con", "Con.png", "con .png", "NUL", "nul.tar.gz", "AUX", "PRN", "COM0", "com9.png",
    "LPT1", "COM¹", ".lock", ".LOCK", "desktop.ini", "Desktop.INI", "_vti_", "a_vti_b", "~$a.docx",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidName, match=r"\w.*\."):
        check_name(name)


@given(st.text(max_size=300), st.integers(0, 10**6), st.booleans())
def test_a_number_behind_a_good_name_makes_a_good_name(name: str, number: int, is_file: bool) -> None:
    try:
        check_name(name)
    except InvalidName:
        return
    new = numbered(name, number, is_file=is_file)
    check_name(new)
    assert (new == name) is (number == 0)
    assert len(key_of(new).encode()) < 2000  # the index takes 2,704 bytes


@pytest.mark.parametrize(
    ("name", "file", "folder"),
    [
        ("a.png", "a 1.png", "a.png 1"),
        ("a", "a 1", "a 1"),
        (".png", ".png 1", ".png 1"),
        ("a.tar.gz", "a.tar 1.gz", "a.tar.gz 1"),
        ("x" * 251 + ".png", "x" * 249 + " 1.png", "x" * 251 + ".p 1"),
        ("x" * 255, "x" * 253 + " 1", "x" * 253 + " 1"),
        ("🩻" * 125 + ".png", "🩻" * 124 + " 1.png", "🩻" * 125 + ".pn 1"),
        ("a." + "x" * 253, "a." + "x" * 251 + " 1", "a." + "x" * 251 + " 1"),
    ],
)
def test_where_the_number_stands(name: str, file: str, folder: str) -> None:
    assert (numbered(name, 1, is_file=True), numbered(name, 1, is_file=False)) == (file, folder)
    assert max(units(file), units(folder)) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("one", "other"),
    [("System", "SYSTEM"), ("Röntgen", "Ro\u0308NTGEN"), ("straße", "STRASSE"), ("Å", "\u212b"), ("ﬀ", "FF")],
)
def test_names_that_are_equal(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@given(st.text(max_size=30))
def test_case_makes_no_difference(name: str) -> None:
    assert key_of(key_of(name)) == key_of(name) == key_of(name.casefold())


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a", "á"), ("a1", "a 1"), ("2", "²")])
def test_names_that_differ(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)

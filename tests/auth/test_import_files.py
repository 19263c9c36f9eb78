"""Reading files with accounts of other systems. No message quotes a file."""

import io
import json
from typing import Any

import pytest

from auth_service.imports import service
from auth_service.imports.files import BOTH_NAMES, LONGEST_LINE, NO_OBJECT, NOT_AS_MANY, AccountFile, Format
from auth_service.imports.files import UnreadableFile as Unreadable
from auth_service.imports.service import Refused, Rules, Skipped
from lightbox_shared.auth.principal import Authority

HASH = "$2b$04$" + "a" * 53
CSV = f"username,password_hash\nada,{HASH}\n"
TOO_DEEP = "[" * 100_000


def read(content: str | bytes, kind: Format | None = None) -> tuple[list[Any], AccountFile]:
    file = AccountFile(io.BytesIO(content if isinstance(content, bytes) else content.encode()), kind)
    return [(each.line, each.problem or each.fields) for each in file], file


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace("\n", "\r\n"),
        CSV.encode("utf-8-sig"),
        CSV.removesuffix("\n"),
        f"username,password\nada,{HASH}\n",
        f' Username ,"PASSWORD_HASH"\r\n"ada","{HASH}"\r\n',
        f"id,password,last_login,username\n7,{HASH},,ada",
    ],
)
def test_csv(content: str | bytes) -> None:
    assert read(content)[0] == [(2, {"username": "ada", "password_hash": HASH})]


def test_unknown_columns_are_named_and_ignored() -> None:
    entries, file = read(
        'id,username,password,bio\n1,ada,x,"two\nlines, and ""quotes"""\n\n2,eve,y,\n3,joe\n4,a,b,c,d\n'
    )
    assert entries == [
        (2, {"username": "ada", "password_hash": "x"}),
        (5, {"username": "eve", "password_hash": "y"}),
        (6, NOT_AS_MANY),
        (7, NOT_AS_MANY),
    ]
    assert file.ignored == {"id", "bio"}


def test_json_lines() -> None:
    rows = [
        {"username": "ada", "password_hash": "x", "age": 36},
        {"username": "eve", "password": "y", "authority": 102, "email": None},
        {"username": "joe", "password": "y", "password_hash": "y"},
    ]
    lines = [json.dumps(row) for row in rows]
    lines[1:1] = ["", "  ", '["ada", "x"]', "17", "{", '{"username": NaN', TOO_DEEP, "9" * 5000]
    entries, file = read("\n".join(lines))
    assert entries == [
        (1, {"username": "ada", "password_hash": "x"}),
        *((line, NO_OBJECT) for line in range(4, 10)),
        (10, {"username": "eve", "password_hash": "y", "authority": 102, "email": None}),
        (11, BOTH_NAMES),
    ]
    assert file.ignored == {"age"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty."),
        ("\ufeff\r\n \n", "The file is empty."),
        (f"ada,{HASH}\n", "The first line must name the columns, username once among them."),
        ("username\nada\n", "The first line must name the columns, password_hash (or password) once among them."),
        ("username,username,password\n", "The first line must name the columns, username once among them."),
        (
            "username,password,password_hash\n",
            "The first line must name the columns, password_hash (or password) once among them.",
        ),
        ("username,password,email,email\n", "The first line names a column twice."),
        (CSV.encode("utf-16"), "Line 1 is not UTF-8."),
        (CSV.encode() + b"\xe9ve,x\n", "Line 3 is not UTF-8."),
        (CSV + "x" * (LONGEST_LINE + 1), f"Line 3 is longer than {LONGEST_LINE} bytes."),
        (CSV + f"eve,{'x' * 200_000}\n", "Line 3: field larger than field limit (131072)."),
        (CSV + f'eve,"{HASH}\njoe,{HASH}\n', "Line 3: unexpected end of data."),
        (CSV + f'eve,"{HASH}"x\n', "Line 3: ',' expected after '\"'."),
        (CSV.replace("\n", "\r"), "Line 1: new-line character seen in unquoted field"),
    ],
)
def test_unreadable_files(content: str | bytes, sentence: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(content)
    assert str(raised.value).startswith(sentence)
    assert HASH not in str(raised.value)


def test_the_format_can_be_said() -> None:
    assert read('["ada"]\n', Format.JSONL)[0] == [(1, NO_OBJECT)]
    with pytest.raises(Unreadable):
        read('{"username": "ada"}', Format.CSV)


def account(rules: Rules | None = None, **fields: Any) -> dict[str, Any]:
    [entry] = AccountFile(io.BytesIO(json.dumps({"username": "ada", "password": HASH, **fields}).encode()))
    return (rules or Rules()).account(entry)


def test_rows_that_become_accounts() -> None:
    values = account(username=" Zo\u0065\u0301 ", email=" Zoe@Scanner.LOCAL ", authority="Doctor")
    assert values == {
        "line": 1,
        "username": "Zo\u00e9",
        "username_key": "zo\u00e9",
        "skeletons": ["zo\u00e9"],
        "password_hash": HASH,
        "email": "Zoe@scanner.local",
        "authority": 102,
    }
    assert account()["authority"] == Authority.NONE
    assert account(Rules(Authority.GUEST), authority="")["authority"] == Authority.GUEST
    assert account(authority="103")["authority"] == account(authority=103)["authority"] == Authority.GUEST
    assert account(authority="expert")["authority"] == account(authority=104)["authority"] == Authority.EXPERT
    assert account(Rules(allow_admins=True), authority="admin")["authority"] == Authority.ADMIN
    assert account(email="")["email"] is None


def test_werkzeugs_hashes_are_kept_in_djangos_form() -> None:
    values = account(password="pbkdf2:sha256:1000$salt$" + "00" * 32)
    assert values["password_hash"] == "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="


@pytest.mark.parametrize("prefix", ["argon2", "bcrypt$"])
def test_djangos_prefixes_are_taken_off(prefix: str) -> None:
    stored = HASH if prefix == "bcrypt$" else f"$argon2id$v=19$m=102400,t=2,p=8${'a' * 22}${'b' * 43}"
    assert account(password=prefix + stored)["password_hash"] == stored
    with pytest.raises(Refused):
        account(password=prefix + prefix + stored)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"username": ""}, service.NO_USERNAME),
        ({"username": None}, service.NO_USERNAME),
        *(
            ({"username": name}, service.INVALID_USERNAME)
            for name in (" ", "a b", "a\0b", "\ud800", "x" * 151, 7, ["a"])
        ),
        ({"username": "\ufdfa" * 600}, service.INVALID_USERNAME),
        ({"username": "x" * 1_000_000}, service.INVALID_USERNAME),
        ({"password": ""}, service.NO_HASH),
        ({"password": None}, service.NO_HASH),
        *(
            ({"password": text}, f"{service.UNUSABLE_HASH}: it is of no known kind")
            for text in ("secret", "!x", "$1$a$b")
        ),
        *(({"password": text}, service.UNUSABLE_HASH) for text in (f"{HASH}\0", "é", "pbkdf2_sha256$1$a\0b$")),
        ({"password": 7}, service.UNUSABLE_HASH),
        ({"password": ["x"]}, service.UNUSABLE_HASH),
        ({"password": HASH.replace("$04$", "$31$")}, f"{service.UNUSABLE_HASH}: the cost of bcrypt is not between"),
        *(({"email": text}, service.INVALID_EMAIL) for text in ("ada", "a@b@c", "a\0@b.example", "\ud800@b.example")),
        ({"email": 7}, service.INVALID_EMAIL),
        *(({"authority": text}, service.UNKNOWN_AUTHORITY) for text in ("king", "1e2", "٢", "105")),
        *(({"authority": number}, service.UNKNOWN_AUTHORITY) for number in (105, True, 1.5)),
        ({"authority": []}, service.UNKNOWN_AUTHORITY),
        ({"authority": "admin"}, service.ADMIN),
        ({"authority": 101}, service.ADMIN),
    ],
)
def test_rows_that_do_not(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as raised:
        account(**fields)
    assert str(raised.value).startswith(reason)


def test_a_default_of_admin_needs_to_be_allowed_too() -> None:
    with pytest.raises(Refused, match="administrator"):
        account(Rules(Authority.ADMIN))


def test_skipped_lines_come_in_their_order() -> None:
    skipped = Skipped()
    skipped.add("b", 9, 2)
    skipped.add("a", 5, 1)
    assert list(skipped) == [(1, "a"), (2, "b"), (5, "a"), (9, "b")]
    assert len(skipped) == 4

"""Accounts on the wire."""

from typing import Any, Final, Self

from pydantic import BaseModel, SecretStr

from auth_service.accounts.authorities import authority_name
from auth_service.accounts.models import Account
from lightbox_shared.hal import Resource, self_link

ACCOUNTS_PATH: Final = "/accounts"


class AccountForServices(BaseModel):
    """What another service may know about an account."""

    id: int
    username: str
    authority: int


def account_path(account_id: int) -> str:
    """Where an account is."""
    return f"{ACCOUNTS_PATH}/{account_id}"


class YeldaSelf(Resource):
    """TheYelda: who one is."""

    message: str
    account_id: int


class YeldaCreatedAccount(Resource):
    """TheYelda: an account that was made."""

    message: str
    account_id: int


class YeldaProfile(Resource):
    """TheYelda: what every answer about an account has."""

    username: str
    nickname: str | None
    email: str | None
    photo: str | None


class YeldaAccount(YeldaProfile):
    """TheYelda: one account; the authority is its name."""

    message: str
    account_id: int
    authority: str

    @classmethod
    def of(cls, account: Account, message: str) -> Self:
        """From its row."""
        return cls(message=message, account_id=account.id, authority=authority_name(account.authority), **_of(account))


class YeldaListedAccount(YeldaProfile):
    """TheYelda: an account in a list; later clients read `account_id`."""

    id: int
    account_id: int
    authority: str

    @classmethod
    def of(cls, account: Account) -> Self:
        """From its row."""
        name = authority_name(account.authority)
        return cls(id=account.id, account_id=account.id, authority=name, **_of(account))


class YeldaEditedAccount(YeldaProfile):
    """TheYelda: an account after a change; the authority is its number."""

    message: str
    authority: int

    @classmethod
    def of(cls, account: Account, message: str) -> Self:
        """From its row."""
        return cls(message=message, authority=account.authority, **_of(account))


def _of(account: Account) -> dict[str, Any]:
    return {
        "username": account.username,
        "nickname": account.nickname,
        "email": account.email,
        "photo": account.photo,
        "_links": self_link(account_path(account.id)),
    }


class YeldaAccounts(Resource):
    """TheYelda: a part of the list of accounts."""

    message: str
    data: list[YeldaListedAccount]
    total: int
    offset: int
    limit: int


class YeldaNewAccount(BaseModel):
    """TheYelda: an account to be made; an authority other than 100 only by an administrator."""

    username: str
    password: SecretStr
    nickname: str | None = None
    email: str | None = None
    photo: str | None = None
    authority: int | str = 100


class YeldaEdit(BaseModel):
    """TheYelda: what becomes of an account; what is absent stays."""

    username: str | None = None
    password: SecretStr | None = None
    nickname: str | None = None
    email: str | None = None
    photo: str | None = None
    authority: int | str | None = None

"""The bodies of requests and responses about accounts."""

from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from auth_service.accounts.fields import (
    DEFAULT_PHOTO,
    AuthorityField,
    Email,
    NewPassword,
    Nickname,
    Photo,
    Username,
    authority_name,
    refuse_unstorable,
)
from auth_service.accounts.models import Account
from lightbox_shared.auth.principal import Authority
from lightbox_shared.responses.hal import Resource, self_link

ACCOUNTS_PATH: Final = "/accounts"


def account_path(account_id: int, prefix: str = "") -> str:
    """The path of an account, under the prefix of the request that it is for."""
    return f"{prefix}{ACCOUNTS_PATH}/{account_id}"


def _none() -> None:
    """The default of a member that is absent; as a factory it is not in the schema."""


def _is_none(value: object) -> bool:
    return value is None


class AccountForServices(BaseModel):
    """What other services may know about an account."""

    id: int
    username: str
    nickname: str | None
    authority: int

    @classmethod
    def of(cls, account: Account) -> Self:
        """From a row."""
        return cls(id=account.id, username=account.username, nickname=account.nickname, authority=account.authority)


class PhotoOfAccount(BaseModel):
    """The file that another service keeps as the picture of an account; null for none."""

    photo: Photo | None


class YeldaSelf(Resource):
    """The account that is signed in."""

    message: str
    account_id: int


class YeldaCreatedAccount(Resource):
    """An account that was made."""

    message: str
    account_id: int


class YeldaProfile(Resource):
    """What every description of an account has."""

    username: str
    nickname: str | None
    email: str | None
    photo: str = Field(description="`default.png` where there is none.", examples=["default.png"])


class YeldaShownAccount(YeldaProfile):
    """An account as it is looked at, whose authority has two notations."""

    authority: str | int = Field(
        description="The name of the authority at the root, its number under `/api`.", examples=["doctor", 102]
    )
    authority_name: str | SkipJsonSchema[None] = Field(
        default_factory=_none, exclude_if=_is_none, description="Under `/api` alone.", examples=["doctor"]
    )


class YeldaAccount(YeldaShownAccount):
    """One account."""

    message: str
    account_id: int

    @classmethod
    def of(cls, account: Account, message: str, prefix: str) -> Self:
        """From a row, for a request under this prefix."""
        return cls(message=message, account_id=account.id, **_shown(account, prefix))


class YeldaListedAccount(YeldaShownAccount):
    """One account of a list."""

    id: int
    account_id: int = Field(description="The same as `id`; some clients read this one.")

    @classmethod
    def of(cls, account: Account, prefix: str) -> Self:
        """From a row, for a request under this prefix."""
        return cls(id=account.id, account_id=account.id, **_shown(account, prefix))


class YeldaEditedAccount(YeldaProfile):
    """An account after a change."""

    message: str
    authority: int = Field(description="The number of the authority.", examples=[102])

    @classmethod
    def of(cls, account: Account, message: str, prefix: str) -> Self:
        """From a row, for a request under this prefix."""
        return cls(message=message, authority=account.authority, **_profile(account, prefix))


class YeldaDeletedAccount(Resource):
    """An account was deleted."""

    message: str


def _shown(account: Account, prefix: str) -> dict[str, Any]:
    name = authority_name(account.authority)
    authority = {"authority": account.authority, "authority_name": name} if prefix else {"authority": name}
    return {**authority, **_profile(account, prefix)}


def _profile(account: Account, prefix: str) -> dict[str, Any]:
    return {
        "username": account.username,
        "nickname": account.nickname,
        "email": account.email,
        "photo": account.photo or DEFAULT_PHOTO,
        "_links": self_link(account_path(account.id, prefix)),
    }


class YeldaAccounts(Resource):
    """A page of accounts."""

    message: str
    data: list[YeldaListedAccount]
    total: int = Field(description="Accounts on all pages.")
    offset: int
    limit: int


class YeldaNewAccount(BaseModel):
    """An account to be made. Only administrators may give it another authority than 100 (none)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"username": "yelda", "password": "yeldapass", "nickname": "Nick", "email": "yelda@mail.com"}]
        }
    )

    username: Username
    password: NewPassword
    authority: AuthorityField = Authority.NONE
    nickname: Nickname | None = None
    email: Email | None = None
    photo: Photo | None = None


def _absent() -> Any:  # noqa: ANN401 - as pydantic's own `Field`
    """The default of a field that may be absent, but not null: it is neither validated nor in the schema."""
    return Field(default_factory=lambda: None)


class YeldaEdit(BaseModel):
    """What to change in an account: absent fields stay as they are, and null takes a nickname, an email or a photo
    away. Other fields are ignored, with any values, so that a client may send back what it was answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"nickname": "Nick", "photo": "/uploads/photos/1"}]})

    username: Username = _absent()
    password: NewPassword = _absent()
    authority: AuthorityField = _absent()
    nickname: Nickname | None = _absent()
    email: Email | None = _absent()
    photo: Photo | None = _absent()

    _storable = field_validator("*", mode="before")(refuse_unstorable)

    def given(self) -> dict[str, Any]:
        """The fields that the request has."""
        return self.model_dump(exclude_unset=True)

"""The bodies of requests and responses in the dialects of signing up and signing in."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from auth_service.accounts.fields import NewPassword, Username
from auth_service.logins.credentials import TypedPassword, TypedUsername
from auth_service.passwords.rules import MAX_PASSWORD_LENGTH
from lightbox_shared.responses.hal import Resource

Password = Annotated[str, Field(max_length=MAX_PASSWORD_LENGTH, repr=False, json_schema_extra={"format": "password"})]


class CheXRaySignUp(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "correct-horse", "password2": "correct-horse"}]}
    )

    username: Username
    password: NewPassword
    # With a default that is in the schema, a generated client would send it.
    password2: Password = Field(default_factory=str, description="The password again; may be absent.")

    @property
    def repeated(self) -> str | None:
        """The password as it was typed for the second time; None if it is absent."""
        return self.password2 if "password2" in self.model_fields_set else None


class CheXRaySignedUp(BaseModel):
    """The account was made."""

    response: str = Field(examples=["Successfully Signed Up"])
    username: str
    token: str


class CheXRayLogIn(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "ada", "password": "correct-horse"}]})

    username: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    password: Annotated[Password, Field(min_length=1)]


class CheXRayLoggedIn(BaseModel):
    """The account that has signed in, and the token of its session."""

    userid: int
    username: str
    token: str


class YeldaLogIn(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "yelda", "password": "yeldapass"}]})

    username: TypedUsername
    password: TypedPassword


class YeldaAuthorization(Resource):
    """The account that has signed in, and the token of its session."""

    message: str
    account_id: int
    authority: int = Field(description="The number of the authority.", examples=[102])
    access_token: str
    expires_in: int = Field(description="Seconds.")


class YeldaEndedAuthorization(Resource):
    """The session has ended."""

    message: str


class ImageHubLogIn(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "ada", "password": "correct-horse"}]})

    username: TypedUsername
    password: TypedPassword


class ImageHubLoggedIn(BaseModel):
    """The token of the session."""

    code: int = Field(description="2: signed in.", examples=[2])
    token: str


class ImageHubHint(BaseModel):
    """Another outcome."""

    code: int = Field(description="Of a sign-in: 0 for an unknown name, 1 for a wrong password.", examples=[0])
    hint: str

"""Bodies of the dialects, for the OpenAPI description."""

from pydantic import BaseModel, SecretStr

from lightbox_shared.hal import Resource


class CheXRaySignUp(BaseModel):
    """CheXRay: a new account."""

    username: str
    password: SecretStr
    password2: SecretStr | None = None


class CheXRaySignedUp(BaseModel):
    """CheXRay: the account was made."""

    response: str
    username: str
    token: str


class CheXRayLogin(BaseModel):
    """CheXRay: who logs in."""

    username: str
    password: SecretStr


class CheXRayLoggedIn(BaseModel):
    """CheXRay: the login."""

    userid: int
    username: str
    token: str


class YeldaLogin(BaseModel):
    """TheYelda: who logs in, unless HTTP Basic says so."""

    username: str
    password: SecretStr


class YeldaAuthorization(Resource):
    """TheYelda: the login; the authority is its number."""

    message: str
    account_id: int
    authority: int
    access_token: str
    expires_in: int
    """Seconds."""


class ImageHubLogin(BaseModel):
    """ImageHub: who logs in."""

    username: str
    password: SecretStr


class ImageHubLoggedIn(BaseModel):
    """ImageHub: the login."""

    code: int
    token: str


class ImageHubHint(BaseModel):
    """ImageHub: how something else went."""

    code: int
    hint: str

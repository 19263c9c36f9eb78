"""Bodies of the dialects, for the OpenAPI description."""

from pydantic import BaseModel, SecretStr


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

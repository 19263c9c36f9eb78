"""The table of signing keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import Base


class SigningKey(Base):
    """An RSA key. It is published from `created_at` to `retires_at`, and signs from `signs_from` until a newer key
    does."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(Text, primary_key=True)
    """The RFC 7638 thumbprint of the public key."""
    private_key: Mapped[str] = mapped_column(Text)
    """PKCS #8 PEM, encrypted; see `encryption`."""
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signs_from: Mapped[datetime]
    retires_at: Mapped[datetime | None]

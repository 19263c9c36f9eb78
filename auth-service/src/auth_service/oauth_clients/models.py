"""The table of registered OAuth clients."""

from datetime import datetime

from sqlalchemy import Boolean, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class RegisteredClient(Base):
    """A client that may ask for authorization codes (RFC 6749 section 2)."""

    __tablename__ = "oauth_clients"

    id: Mapped[PrimaryKey]
    client_id: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    """As people read it where they sign in."""
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the secret, which is random; None for a public client."""
    first_party: Mapped[bool] = mapped_column(Boolean)
    """Whether it is part of this installation: nobody is asked for consent, and it may get tokens for everything that
    an account may do."""
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """What it may ask for."""
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Origins whose pages may read answers of the platform (CORS)."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())

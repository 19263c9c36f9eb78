"""OAuth clients that administrators register, authorization codes and consents.

Revision ID: 0008
Revises: 0007
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME: Final = sa.DateTime(timezone=True)
_NOW: Final = sa.text("now()")
_TEXTS: Final = sa.ARRAY(sa.Text())


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("redirect_uris", _TEXTS, nullable=False),
        sa.Column("post_logout_redirect_uris", _TEXTS, nullable=False),
        sa.Column("scopes", _TEXTS, nullable=False),
        sa.Column("allowed_origins", _TEXTS, nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("modified_at", _TIME, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
        sa.UniqueConstraint("client_id", name=op.f("uq_oauth_clients_client_id")),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_session_id", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_at", _TIME, nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("code_challenge", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.client_id"],
            name=op.f("fk_authorization_codes_client_id_oauth_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_authorization_codes_code_hash")),
    )
    op.create_index(op.f("ix_authorization_codes_client_id"), "authorization_codes", ["client_id"])
    op.create_index(op.f("ix_authorization_codes_expires_at"), "authorization_codes", ["expires_at"])
    op.create_table(
        "oauth_consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", _TEXTS, nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("modified_at", _TIME, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_oauth_consents_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.client_id"],
            name=op.f("fk_oauth_consents_client_id_oauth_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_consents")),
        sa.UniqueConstraint("account_id", "client_id", name=op.f("uq_oauth_consents_account_id")),
    )
    op.create_index(op.f("ix_oauth_consents_client_id"), "oauth_consents", ["client_id"])


def downgrade() -> None:
    """Drop the tables, and end the sessions of registered clients, which nothing could end afterwards."""
    # As `sessions.repository` revokes: the gateways hear of it, and forget it after the last token has ended.
    op.execute(
        """
        UPDATE sessions
           SET revoked_at = now(),
               revoked_xid = pg_current_xact_id(),
               expires_at = least(expires_at, now() + make_interval(secs => token_seconds + 60))
          FROM oauth_clients
         WHERE oauth_clients.client_id = sessions.client_id
           AND sessions.revoked_at IS NULL
        """
    )
    op.drop_table("oauth_consents")
    op.drop_table("authorization_codes")
    op.drop_table("oauth_clients")

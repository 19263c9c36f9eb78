"""Profiles, counts of accounts, refresh tokens, API keys, guesses, and the audit trail.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()

# Triggers maintain how many accounts there are and when one was changed last: counting a million rows for each page of
# a list would take longer than the page. The reserved account 1 is not counted. Rows of several authorities are always
# changed in the order of the authority, so that no two transactions wait for each other.
_TOTALS = (
    """
    CREATE FUNCTION account_totals_add() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO account_totals (authority, total, modified_at)
        SELECT authority, count(*), now() FROM added WHERE id <> 1 GROUP BY authority ORDER BY authority
        ON CONFLICT (authority) DO UPDATE
          SET total = account_totals.total + excluded.total, modified_at = excluded.modified_at;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER account_totals_add AFTER INSERT ON accounts REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION account_totals_add()
    """,
    """
    CREATE FUNCTION account_totals_remove() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO account_totals (authority, total, modified_at)
        SELECT authority, -count(*), now() FROM removed WHERE id <> 1 GROUP BY authority ORDER BY authority
        ON CONFLICT (authority) DO UPDATE
          SET total = account_totals.total + excluded.total, modified_at = excluded.modified_at;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER account_totals_remove AFTER DELETE ON accounts REFERENCING OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION account_totals_remove()
    """,
    """
    CREATE FUNCTION account_totals_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO account_totals (authority, total, modified_at)
        SELECT authority, sum(change), now()
          FROM (VALUES (OLD.authority, -1), (NEW.authority, 1)) AS changes (authority, change)
          GROUP BY authority ORDER BY authority
        ON CONFLICT (authority) DO UPDATE
          SET total = account_totals.total + excluded.total, modified_at = excluded.modified_at;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER account_totals_change AFTER UPDATE OF username, nickname, email, photo, authority ON accounts
      FOR EACH ROW WHEN (NEW.id <> 1) EXECUTE FUNCTION account_totals_change()
    """,
    """
    INSERT INTO account_totals (authority, total)
      SELECT authority, count(*) FROM accounts WHERE id <> 1 GROUP BY authority
    """,
)

# A trigger makes the chain, so that every insert extends it. The row of `audit_head` is the lock: entries are chained
# in the order in which their transactions commit.
_AUDIT = (
    "INSERT INTO audit_head (id, entries, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'))",
    """
    CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      SELECT entries + 1, hash INTO STRICT NEW.sequence, NEW.previous_hash FROM audit_head FOR UPDATE;
      NEW.hash := sha256(NEW.previous_hash || convert_to(NEW.sequence || ' ' || NEW.entry, 'UTF8'));
      UPDATE audit_head SET entries = NEW.sequence, hash = NEW.hash;
      RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER audit_chain BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_chain()",
    """
    CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit trail is append-only';
    END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
      FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
    """,
)

# Counting an attempt and deciding whether it is let through is one round trip. The buckets concerned (those for new
# addresses, or that of a familiar address) are locked in the order of their keys, so that no two attempts wait for each
# other, and each of many attempts at the same time sees the ones before. If one bucket refuses the attempt, none counts
# it. Failures leak away evenly.
_COUNT_GUESS = """
    CREATE FUNCTION count_guess(
      is_familiar boolean, keys bytea[], of_familiar boolean[], limits int[], refused_from int[], leak_seconds float8[],
      first_wait float8, longest_wait float8
    ) RETURNS TABLE (bucket bytea, nth int, wait float8) LANGUAGE plpgsql AS $$
    DECLARE
      concerned CONSTANT bytea[] := ARRAY(
        SELECT each.key FROM unnest(keys, of_familiar) AS each (key, familiar) WHERE each.familiar = is_familiar
        ORDER BY each.key
      );
      present timestamptz;
    BEGIN
      INSERT INTO guesses (bucket, failures, changed_at) SELECT each, 0, now() FROM unnest(concerned) AS each
        ON CONFLICT DO NOTHING;
      PERFORM FROM guesses AS g WHERE g.bucket = ANY (concerned) ORDER BY g.bucket FOR UPDATE;
      present := clock_timestamp();
      RETURN QUERY
        SELECT * FROM (
          SELECT g.bucket, ceil(g.failures)::int,
                 least(longest_wait, first_wait * power(2, least(32, ceil(g.failures) - each.limited_from)))
                   - extract(epoch FROM present - g.changed_at)::float8 AS remaining
            FROM guesses AS g
            JOIN unnest(keys, limits, refused_from) AS each (key, limited_from, refused_from) ON g.bucket = each.key
            WHERE g.bucket = ANY (concerned) AND ceil(g.failures) >= each.refused_from
        ) AS full_ones WHERE remaining > 0;
      IF NOT FOUND THEN
        RETURN QUERY
          UPDATE guesses AS g
            SET failures = 1 + greatest(0, g.failures
                  - greatest(0, extract(epoch FROM present - g.changed_at)::float8) / each.leak_seconds),
                changed_at = present
            FROM unnest(keys, leak_seconds) AS each (key, leak_seconds)
            WHERE g.bucket = each.key AND g.bucket = ANY (concerned)
            RETURNING g.bucket, ceil(g.failures)::int, 0::float8;
      END IF;
    END $$
"""


def upgrade() -> None:
    """Add profiles of accounts, refresh tokens, API keys, login throttling and the audit trail."""
    op.add_column("accounts", sa.Column("nickname", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("photo", sa.Text(), nullable=True))
    op.create_index("ix_accounts_authority_id", "accounts", ["authority", "id"])
    op.create_table(
        "account_totals",
        sa.Column("authority", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", _TIME, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("authority", name=op.f("pk_account_totals")),
    )
    for statement in _TOTALS:
        op.execute(statement)

    # The sessions of a deleted account have to be refused until they expire, so they are kept.
    op.drop_constraint(op.f("fk_sessions_account_id_accounts"), "sessions")
    op.add_column("sessions", sa.Column("scope", sa.Text(), nullable=True))
    month = sa.text("2592000")
    op.add_column("sessions", sa.Column("token_seconds", sa.Integer(), server_default=month, nullable=False))
    op.alter_column("sessions", "token_seconds", server_default=None)
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.Column("successor_id", sa.BigInteger(), nullable=True),
        sa.Column("sealed_successor", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"])
    op.create_table(
        "api_keys",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.Column("last_used_address", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_api_keys_session_id_sessions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"])

    # Unlogged: counting a failure costs no disk write, and a crash of the database forgets the failures.
    op.create_table(
        "guesses",
        sa.Column("bucket", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Double(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_guesses")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_guesses_changed_at"), "guesses", ["changed_at"])
    op.execute(_COUNT_GUESS)
    op.create_table(
        "familiar_addresses",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("last_seen_at", _TIME, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_familiar_addresses_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "address", name=op.f("pk_familiar_addresses")),
    )
    op.create_index(op.f("ix_familiar_addresses_last_seen_at"), "familiar_addresses", ["last_seen_at"])

    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(collation="C"), sa.Computed("entry::jsonb ->> 'at'", persisted=True), nullable=True),
        sa.Column("action", sa.Text(), sa.Computed("entry::jsonb ->> 'action'", persisted=True), nullable=True),
        sa.Column("actor", sa.Text(), sa.Computed("entry::jsonb ->> 'actor'", persisted=True), nullable=True),
        sa.Column(
            "account_id",
            sa.BigInteger(),
            sa.Computed("(entry::jsonb ->> 'account_id')::bigint", persisted=True),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_entries")),
    )
    for column in ("at", "action", "actor", "account_id"):
        op.create_index(f"ix_audit_entries_{column}_sequence", "audit_entries", [column, "sequence"])
    for statement in _AUDIT:
        op.execute(statement)


def downgrade() -> None:
    """Drop what was added, and delete the sessions of deleted accounts."""
    for table in ("audit_entries", "audit_head", "familiar_addresses", "guesses", "api_keys", "refresh_tokens"):
        op.drop_table(table)
    for function in ("audit_chain", "audit_append_only", "count_guess"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DELETE FROM sessions WHERE account_id NOT IN (SELECT id FROM accounts)")
    op.drop_index(op.f("ix_sessions_expires_at"), "sessions")
    op.drop_column("sessions", "token_seconds")
    op.drop_column("sessions", "scope")
    op.create_foreign_key(op.f("fk_sessions_account_id_accounts"), "sessions", "accounts", ["account_id"], ["id"])
    for action in ("add", "remove", "change"):
        op.execute(f"DROP TRIGGER account_totals_{action} ON accounts")
        op.execute(f"DROP FUNCTION account_totals_{action}()")
    op.drop_table("account_totals")
    op.drop_index("ix_accounts_authority_id", "accounts")
    op.drop_column("accounts", "photo")
    op.drop_column("accounts", "nickname")

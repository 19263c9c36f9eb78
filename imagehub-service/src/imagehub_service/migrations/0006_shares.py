"""Shared links, and the search for pictures by words and tags.

Parts of words are found by their trigrams, three characters each, in an index of arrays. (The extension pg_trgm does
the same, and is not part of every PostgreSQL server.) What is searched is kept in generated columns, since to compute
it takes longer than to look through it.

There is no 0005.

Revision ID: 0006
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()

# Letters of all scripts have their lower case in this collation, which the locale of a database may not know; servers
# before PostgreSQL 17 don't have it.
_COLLATION = "SELECT count(*) FROM pg_collation WHERE collname = 'pg_c_utf8'"
_FOLDED = """
CREATE FUNCTION gallery_folded(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(normalize(value, NFKC) COLLATE pg_catalog.{collation})
"""
_SEARCHED = """
CREATE FUNCTION gallery_searched(name text, title text, caption text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(normalize(concat_ws(chr(10), name, title, caption), NFKC) COLLATE pg_catalog.{collation})
"""
_TRIGRAMS = """
CREATE FUNCTION gallery_trigrams(value text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
  RETURN array(
    SELECT DISTINCT each FROM (
      SELECT character || lead(character, 1) OVER places || lead(character, 2) OVER places AS each
        FROM unnest(string_to_array(value, NULL)) WITH ORDINALITY AS characters (character, place)
      WINDOW places AS (ORDER BY place)
    ) AS trigrams WHERE each IS NOT NULL
  );
END
$$
"""
_FOLDED_TAGS = """
CREATE FUNCTION gallery_folded_tags(tags text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
  RETURN array(SELECT lower(normalize(tag, NFKC) COLLATE pg_catalog.{collation}) FROM unnest(tags) AS tag);
END
$$
"""
_COLUMNS = """
ALTER TABLE pictures
  ADD COLUMN searched text NOT NULL GENERATED ALWAYS AS (gallery_searched(name, title, caption)) STORED,
  ADD COLUMN trigrams text[] NOT NULL
    GENERATED ALWAYS AS (gallery_trigrams(gallery_searched(name, title, caption))) STORED,
  ADD COLUMN folded_tags text[] NOT NULL GENERATED ALWAYS AS (gallery_folded_tags(tags)) STORED
"""


def upgrade() -> None:
    has_collation = op.get_bind().scalar(sa.text(_COLLATION))
    collation = "pg_c_utf8" if has_collation else '"default"'
    for function in (_FOLDED, _SEARCHED, _TRIGRAMS, _FOLDED_TAGS):
        op.execute(function.format(collation=collation))
    op.execute(_COLUMNS)  # in one statement, which writes the table anew
    # Without a list of entries that are not yet in their place, which each search would have to read.
    for column in ("trigrams", "folded_tags"):
        in_place = {"fastupdate": "off"}
        op.create_index(f"ix_pictures_{column}", "pictures", [column], postgresql_using="gin", postgresql_with=in_place)
    op.drop_index("ix_pictures_tags", "pictures")
    op.create_index("ix_groups_any_position", "groups", ["position", "id"])
    op.create_table(
        "shares",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("group_id", sa.BigInteger, nullable=False),
        sa.Column("with_subgroups", sa.Boolean, nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("key_version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], ondelete="CASCADE", name="fk_shares_group_id_groups"),
        sa.UniqueConstraint("secret_sha256", name="uq_shares_secret_sha256"),
    )
    op.create_index("ix_shares_group_id", "shares", ["group_id"])
    op.create_table(
        "share_guesses",
        sa.Column("bucket", sa.LargeBinary, primary_key=True),
        sa.Column("failures", sa.Double, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_share_guesses_changed_at", "share_guesses", ["changed_at"])


def downgrade() -> None:
    op.drop_table("share_guesses")
    op.drop_table("shares")
    op.drop_index("ix_groups_any_position", "groups")
    op.create_index("ix_pictures_tags", "pictures", ["tags"], postgresql_using="gin")
    for column in ("searched", "trigrams", "folded_tags"):
        op.drop_column("pictures", column)
    for function in (
        "gallery_folded_tags(text[])",
        "gallery_trigrams(text)",
        "gallery_searched(text, text, text)",
        "gallery_folded(text)",
    ):
        op.execute(f"DROP FUNCTION {function}")

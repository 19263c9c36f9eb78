"""Predictions have titles, by which an account finds them, and refer to the pictures of its X-rays.

The title of an X-ray is copied to its prediction. What is searched is kept beside it: folded by the rules that the
query is folded by, which takes longer to compute than to look through.

Processes of the version before go on while replicas are replaced one by one: `xrays.title` stays for them, with a
default for those who do not write it any more, and `predictions.title` has a default for those who do not know it. An
X-ray that such a process stores after this migration has its title in `xrays.title` alone. CheXRay shows it from there;
the search of predictions does not find it, and the prediction shows no picture. Such a process shows X-rays of the new
version without a title.

The row of each prediction with an X-ray is written once, and no other; no table is written anew. Until the end of the
migration nobody reads or writes the two tables (ACCESS EXCLUSIVE): 6 seconds for 300,000 predictions with an X-ray each
on two cores, in proportion to their number.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Letters of all scripts have their lower case in this collation, which the locale of a database may not know; servers
# before PostgreSQL 17 don't have it.
_COLLATION = "SELECT count(*) FROM pg_collation WHERE collname = 'pg_c_utf8'"
_FOLDED = """
CREATE FUNCTION folded_title(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(normalize(value, NFKC) COLLATE pg_catalog.{collation})
"""
# Constants as defaults are not written into the rows.
_COLUMNS = """
ALTER TABLE predictions
  ADD COLUMN title text NOT NULL DEFAULT '',
  ADD COLUMN folded_title text NOT NULL DEFAULT ''
"""
# The picture of an anonymous X-ray goes with the X-ray, also where its prediction stays for the sake of a label.
_MOVE = """
UPDATE predictions
   SET title = xrays.title,
       folded_title = folded_title(xrays.title),
       picture_sha256 = CASE WHEN xrays.account_id = 1 THEN predictions.picture_sha256 ELSE xrays.picture_sha256 END
  FROM xrays WHERE xrays.prediction_id = predictions.id
"""
_MOVE_BACK = """
UPDATE xrays SET title = predictions.title
  FROM predictions WHERE predictions.id = xrays.prediction_id AND xrays.title = '' AND predictions.title <> ''
"""


def upgrade() -> None:
    has_collation = op.get_bind().scalar(sa.text(_COLLATION))
    op.execute(_FOLDED.format(collation="pg_c_utf8" if has_collation else '"default"'))
    op.execute(_COLUMNS)
    op.execute(_MOVE)
    op.alter_column("xrays", "title", server_default="")
    op.create_index("ix_predictions_account_id_model_name_id", "predictions", ["account_id", "model_name", "id"])


def downgrade() -> None:
    op.drop_index("ix_predictions_account_id_model_name_id", "predictions")
    op.execute(_MOVE_BACK)
    op.alter_column("xrays", "title", server_default=None)
    for column in ("folded_title", "title"):
        op.drop_column("predictions", column)
    op.execute("DROP FUNCTION folded_title(text)")

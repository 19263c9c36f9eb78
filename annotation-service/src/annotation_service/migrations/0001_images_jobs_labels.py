"""Accounts, pictures, schemes, labels, images, jobs, and their history.

Revision ID: 0001
Revises:
"""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()

_FINDINGS = ("dr", "stage", "dme", "hr", "age_dme", "rvo", "crao", "myopia", "od", "glaucoma", "others")
_GRADES = {"stage", "hr", "age_dme"}  # TheYelda's example has numbers there, and true or false elsewhere
_SINGLE = [{"type": ["boolean", "integer", "null"]}, {"type": "string", "maxLength": 100}]
_SEVERAL = {"type": "array", "items": {"type": "integer"}, "maxItems": 32}
_OPHTHALMOLOGY = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "quality": {"anyOf": [*_SINGLE, _SEVERAL]},
        **{name: {"anyOf": _SINGLE} | ({"x-ordered": True} if name in _GRADES else {}) for name in _FINDINGS},
        "comment": {"type": ["string", "null"], "maxLength": 10_000},
    },
    "additionalProperties": False,
}

# Counting a million rows for each page of a list would take longer than the page, so triggers keep the numbers. Each
# statement adds rows: transactions that change the same number do not wait for each other.
_TOTALS = (
    """
    CREATE FUNCTION {table}_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO {totals} ({keys}, change) SELECT {keys}, count(*) FROM added GROUP BY {keys};
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO {totals} ({keys}, change) SELECT {keys}, -count(*) FROM removed GROUP BY {keys};
      ELSE
        INSERT INTO {totals} ({keys}, change)
          SELECT {keys}, sum(change) FROM (
            SELECT {keys}, -1 AS change FROM removed UNION ALL SELECT {keys}, 1 FROM added
          ) AS changes GROUP BY {keys};
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER {table}_added AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION {table}_count()
    """,
    """
    CREATE TRIGGER {table}_removed AFTER DELETE ON {table} REFERENCING OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION {table}_count()
    """,
    """
    CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} REFERENCING OLD TABLE AS removed NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION {table}_count()
    """,
)


# A label that is deleted is taken out of its job by the foreign key, which is a change of the job.
_LABEL_REMOVED = (
    """
    CREATE FUNCTION jobs_label_removed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.version := OLD.version + 1;
      NEW.modified_at := now();
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER jobs_label_removed BEFORE UPDATE OF label_id ON jobs FOR EACH ROW
      WHEN (OLD.label_id IS NOT NULL AND NEW.label_id IS NULL) EXECUTE FUNCTION jobs_label_removed()
    """,
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)


def upgrade() -> None:
    _accounts()
    _pictures_and_labels()
    _images_and_jobs()
    _history_and_totals()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("nickname", sa.Text),
        sa.Column("authority", sa.SmallInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_index("ix_accounts_authority", "accounts", ["authority", "id"])
    op.create_table(
        "account_feed",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("cursor", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_account_feed"),
    )
    op.execute("INSERT INTO account_feed (id) VALUES (1)")


def _pictures_and_labels() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.execute("ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL")  # pictures are compressed already
    op.create_table(
        "pictures",
        _id(),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("preview_sha256", sa.LargeBinary),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.UniqueConstraint("url", name="uq_pictures_url"),
    )
    op.create_index("ix_pictures_filename", "pictures", ["filename"])
    op.create_index("ix_pictures_sha256", "pictures", ["sha256"])
    schemes = op.create_table(
        "schemes",
        _id(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("schema", sa.JSON, nullable=False),  # jsonb would not keep the order of the fields
        sa.Column("created_by", sa.BigInteger),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("id", name="pk_schemes"),
        sa.UniqueConstraint("name", "version", name="uq_schemes_name_version"),
    )
    built_in = {"name": "ophthalmology", "version": 1, "title": "TheYelda's label of a fundus picture"}
    op.bulk_insert(schemes, [{**built_in, "schema": json.loads(json.dumps(_OPHTHALMOLOGY))}])
    op.create_table(
        "labels",
        _id(),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("scheme_id", sa.BigInteger, nullable=False),
        sa.Column("fields", postgresql.JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("finished_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_labels"),
        sa.ForeignKeyConstraint(["scheme_id"], ["schemes.id"], name="fk_labels_scheme_id_schemes"),
    )
    op.create_index("ix_labels_author_id", "labels", ["author_id", "id"])


def _images_and_jobs() -> None:
    op.create_table(
        "images",
        _id(),
        sa.Column("picture_id", sa.BigInteger, nullable=False),
        sa.Column("scheme_id", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("state", sa.SmallInteger, nullable=False, server_default="300"),
        sa.Column("ground_truth_id", sa.BigInteger),
        sa.Column("assignment_id", sa.BigInteger),
        sa.Column("wanted_readers", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("missing_readers", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("eligible_doctors", postgresql.ARRAY(sa.BigInteger)),
        sa.Column("shows_suggestions", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_images_picture_id_pictures"),
        sa.ForeignKeyConstraint(["scheme_id"], ["schemes.id"], name="fk_images_scheme_id_schemes"),
        sa.ForeignKeyConstraint(["ground_truth_id"], ["labels.id"], name="fk_images_ground_truth_id_labels"),
        sa.CheckConstraint("state BETWEEN 300 AND 304", name="ck_images_state_known"),
        sa.CheckConstraint(
            "(state = 304) = (ground_truth_id IS NOT NULL)", name="ck_images_done_images_have_a_ground_truth"
        ),
    )
    op.create_index("ix_images_picture_id", "images", ["picture_id"])
    op.create_index("ix_images_state_id", "images", ["state", "id"])
    op.create_index("ix_images_assignment_id", "images", ["assignment_id"])
    missing = sa.text("missing_readers > 0")
    op.create_index("ix_images_missing_readers", "images", ["id"], postgresql_where=missing)
    op.create_table(
        "jobs",
        _id(),
        sa.Column("image_id", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("label_id", sa.BigInteger),
        sa.Column("state", sa.SmallInteger, nullable=False, server_default="200"),
        sa.Column("kind", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("order_key", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("due_at", _TIME),
        sa.Column("leased_until", _TIME),
        sa.Column("draft", postgresql.JSONB),
        sa.Column("draft_saved_at", _TIME),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_jobs_image_id_images"),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name="fk_jobs_label_id_labels", ondelete="SET NULL"),
        sa.UniqueConstraint("image_id", "account_id", name="uq_jobs_image_account"),
        sa.UniqueConstraint("label_id", name="uq_jobs_label_id"),
        sa.CheckConstraint("state BETWEEN 200 AND 202", name="ck_jobs_state_known"),
        sa.CheckConstraint("state < 202 OR label_id IS NOT NULL", name="ck_jobs_finished_jobs_have_a_label"),
        sa.CheckConstraint("(state = 202) = (finished_at IS NOT NULL)", name="ck_jobs_finished_jobs_have_a_date"),
    )
    op.create_index("ix_jobs_account_order", "jobs", ["account_id", "order_key", "id"])
    op.create_index("ix_jobs_open", "jobs", ["account_id", "order_key"], postgresql_where=sa.text("state < 202"))
    finished = sa.text("state = 202")
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at", "id"], postgresql_where=finished)
    leased = sa.text("leased_until IS NOT NULL")
    op.create_index("ix_jobs_leased_until", "jobs", ["leased_until"], postgresql_where=leased)
    for statement in _LABEL_REMOVED:
        op.execute(statement)


def _history_and_totals() -> None:
    op.create_table(
        "transitions",
        _id(),
        sa.Column("image_id", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("from_state", sa.SmallInteger),
        sa.Column("to_state", sa.SmallInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
    )
    op.create_index("ix_transitions_image_id", "transitions", ["image_id", "id"])
    for table, totals, keys in (("images", "image_totals", "state"), ("jobs", "job_totals", "account_id, state")):
        account = [sa.Column("account_id", sa.BigInteger, nullable=False)] if table == "jobs" else []
        op.create_table(
            totals,
            _id(),
            *account,
            sa.Column("state", sa.SmallInteger, nullable=False),
            sa.Column("change", sa.BigInteger, nullable=False),
            sa.Column("at", _TIME, nullable=False, server_default=_NOW),
            sa.PrimaryKeyConstraint("id", name=f"pk_{totals}"),
        )
        for statement in _TOTALS:
            op.execute(statement.format(table=table, totals=totals, keys=keys))
    op.create_index("ix_job_totals_account_id", "job_totals", ["account_id", "state"])
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("media_type", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("account_id", "path", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    for table in ("job_totals", "image_totals", "transitions", "jobs", "images", "labels", "schemes", "pictures"):
        op.drop_table(table)
    for table in ("blobs", "account_feed", "accounts"):
        op.drop_table(table)
    for table in ("jobs", "images"):
        op.execute(f"DROP FUNCTION {table}_count")
    op.execute("DROP FUNCTION jobs_label_removed")

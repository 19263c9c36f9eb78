"""Images and labels of a whole collection, made by the database."""

from dataclasses import dataclass
from typing import Final

from lightbox.run.postgres import PostgresServer

DOCTORS: Final = 12
FIRST_DOCTOR: Final = 1_000_001

# Other tables refer to these, but for the accounts, among which the administrator stays. TRUNCATE calls no trigger, so
# the totals are emptied as well.
EMPTY: Final = """
TRUNCATE pictures, labels, assignments, transitions, image_totals, job_totals, exports RESTART IDENTITY CASCADE
"""
PICTURES: Final = """
INSERT INTO accounts (id, username, nickname, authority, deleted)
SELECT {first} + n, 'doctor-' || n, 'Doctor ' || n, 102, false FROM generate_series(0, {doctors} - 1) AS n
ON CONFLICT DO NOTHING;
INSERT INTO blobs (sha256, size)
SELECT sha256(int8send(n)), 100000 FROM generate_series(1, {images}) AS n ON CONFLICT DO NOTHING;
INSERT INTO pictures (id, url, filename, source, sha256, media_type, width, height, size, created_by)
OVERRIDING SYSTEM VALUE
SELECT n, 'bench-' || n || '.png', 'eye-' || n || '.png', 'bench', sha256(int8send(n)), 'image/png', 512, 512, 100000, 2
  FROM generate_series(1, {images}) AS n;
"""
UNASSIGNED: Final = """
INSERT INTO images (id, picture_id, created_by) OVERRIDING SYSTEM VALUE
SELECT n, n, 2 FROM generate_series(1, {images}) AS n;
"""

# What an eye has is by chance, some findings more often than others. A doctor misses 15 % of the findings and sees 3 %
# that are not there; one of five grades is one too high or too low. Of twelve doctors in turn every two read images in
# common. All images are done.
READ: Final = """
CREATE FUNCTION pg_temp.share(key bigint, salt bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(key, salt) & 1048575) / 1048576.0;
CREATE FUNCTION pg_temp.finds(image bigint, job bigint, field int, often float8) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN CASE WHEN pg_temp.share(16 * image + field, 1) < often THEN pg_temp.share(16 * job + field, 2) > 0.15
            ELSE pg_temp.share(16 * job + field, 2) < 0.03 END;
CREATE FUNCTION pg_temp.grades(image bigint, job bigint, field int, grades int) RETURNS int LANGUAGE sql IMMUTABLE
RETURN least(grades - 1, greatest(0, floor(grades * pg_temp.share(16 * image + field, 1) ^ 2)::int
            + floor(1.2 * pg_temp.share(16 * job + field, 2) - 0.1)::int));
CREATE TEMPORARY TABLE filled AS
SELECT {readers} * (image - 1) + reader AS job, image,
       {first} + (image + (reader - 1) * (1 + image / {doctors} % 5)) % {doctors} AS doctor
  FROM generate_series(1, {images}::bigint) AS image, generate_series(1, {readers}) AS reader;
INSERT INTO labels (id, author_id, scheme_id, fields, finished_at) OVERRIDING SYSTEM VALUE
SELECT job, doctor, 1, jsonb_build_object(
         'quality', pg_temp.finds(image, job, 0, 0.85), 'dr', pg_temp.finds(image, job, 1, 0.35),
         'stage', pg_temp.grades(image, job, 2, 5), 'dme', pg_temp.finds(image, job, 3, 0.15),
         'hr', pg_temp.grades(image, job, 4, 4), 'age_dme', pg_temp.grades(image, job, 5, 3),
         'rvo', pg_temp.finds(image, job, 6, 0.08), 'crao', pg_temp.finds(image, job, 7, 0.06),
         'myopia', pg_temp.finds(image, job, 8, 0.2), 'od', pg_temp.finds(image, job, 9, 0.1),
         'glaucoma', pg_temp.finds(image, job, 10, 0.12), 'others', pg_temp.finds(image, job, 11, 0.1),
         'comment', 'A small haemorrhage near the disc, seen in image ' || image || ' by reader ' || job),
       now() + job * interval '1 ms'
  FROM filled;
INSERT INTO images (id, picture_id, state, ground_truth_id, wanted_readers, created_by) OVERRIDING SYSTEM VALUE
SELECT n, n, 304, {readers} * (n - 1) + 1, {readers}, 2 FROM generate_series(1, {images}) AS n;
INSERT INTO jobs (id, image_id, account_id, label_id, state, order_key, started_at, finished_at)
OVERRIDING SYSTEM VALUE
SELECT job, image, doctor, job, 202, job * 7919 % 1000003, now() - interval '1 minute', now() + job * interval '1 ms'
  FROM filled ORDER BY job;
DROP TABLE filled;
"""
ASSIGNED: Final = """
SELECT count(DISTINCT image_id), count(DISTINCT (image_id, account_id)), count(*), count(DISTINCT account_id)
  FROM jobs JOIN images ON images.id = jobs.image_id
 WHERE jobs.state = 200 AND images.state = 301 AND jobs.order_key != 0
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """A collection in the database of a service, which each `fill` replaces. The ids of images begin with 1, those of
    doctors with `FIRST_DOCTOR`."""

    server: PostgresServer
    database: str

    def fill_unassigned(self, images: int) -> None:
        """Images that no doctor has. Raises `PostgresError`."""
        self._fill(UNASSIGNED, images, 0)

    def fill_read(self, images: int, readers: int) -> None:
        """Images that are done, with a label by each of so many doctors. Raises `PostgresError`."""
        self._fill(READ, images, readers)

    def assigned(self) -> str:
        """Images that are running, pairs of image and doctor, open jobs, and doctors, separated by bars."""
        return self.server.sql(ASSIGNED, self.database)

    def _fill(self, what: str, images: int, readers: int) -> None:
        values = {"first": FIRST_DOCTOR, "doctors": DOCTORS, "images": images, "readers": readers}
        self.server.sql("; ".join(("BEGIN", EMPTY, (PICTURES + what).format(**values), "COMMIT")), self.database)
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            self.server.sql(statement, self.database)

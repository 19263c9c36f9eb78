"""A gallery as ImageHub's description has it: three base64 columns an image, synchronous SQLAlchemy, and all groups
listed for each page. Run by uvicorn in an environment of its own; `DATABASE_URL` names a PostgreSQL database.

`python -m benchmarks.gallery.seed_app fill <groups> <thumbnails.json>` makes the table and fills it.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import Integer, Text, create_engine, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

PAGE = 12
BATCH = 500
engine = create_engine(os.environ["DATABASE_URL"])
sessions = sessionmaker(bind=engine, autoflush=False)
app = FastAPI()


class Base(DeclarativeBase):
    """The base of the table."""


class ImageRow(Base):
    """An image in three sizes, each in base64."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    group: Mapped[int] = mapped_column(Integer, index=True)
    image_id: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    low_res_image: Mapped[str] = mapped_column(Text)
    high_res_image: Mapped[str] = mapped_column(Text)
    full_image: Mapped[str] = mapped_column(Text)


def get_db() -> Iterator[Session]:
    """A session for a request."""
    session = sessions()
    try:
        yield session
    finally:
        session.close()


@app.get("/image/page")
async def page_of_images(session: Annotated[Session, Depends(get_db)], page: int = 1) -> dict[str, Any]:
    """The first image of each group of a page."""
    groups = session.execute(select(ImageRow.group).distinct().order_by(ImageRow.group)).scalars().all()
    shown = groups[(page - 1) * PAGE : page * PAGE]
    found = []
    for group in shown:
        statement = (
            select(ImageRow.file_name, ImageRow.low_res_image)
            .where(ImageRow.group == group)
            .order_by(ImageRow.image_id)
            .limit(1)
        )
        name, image = session.execute(statement).one()
        found.append({"group": group, "image_name": name, "image": image})
    return {"code": 1, "data": found, "hint": "got_images"}


def fill(groups: int, thumbnails: list[str]) -> None:
    """Make the table with one image a group; the larger sizes, which a page does not read, are short."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for start in range(0, groups, BATCH):
            rows = []
            for number in range(start + 1, min(start + BATCH, groups) + 1):
                low = thumbnails[number % len(thumbnails)]
                rows.append(
                    {
                        "group": number,
                        "image_id": 1,
                        "title": "This Is Sample Title",
                        "file_name": f"picture-{number}.jpg",
                        "low_res_image": low,
                        "high_res_image": low,
                        "full_image": low * 2,
                    }
                )
            connection.execute(insert(ImageRow), rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE images")


if __name__ == "__main__":
    fill(int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text(encoding="ascii")))

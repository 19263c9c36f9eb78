"""The tables in which is counted what clients without a credential have stored."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, LargeBinary, MetaData, SmallInteger, Table, func


@dataclass(frozen=True, slots=True)
class AnonymousTables:
    """The tables of one service. `create` in a migration makes them."""

    salts: Table
    """A random salt for each day, with which addresses are hashed. With the salt of a day that is over, everything that
    could lead back to an address is deleted."""
    uploads: Table
    """How much each address has stored on a day, or is about to store."""
    total: Table
    """One row: how much all have stored that is still there, or are about to store."""
    reservations: Table
    """What is about to be stored. It is counted in the other two tables already."""

    @classmethod
    def of(cls, metadata: MetaData) -> Self:
        """Add the tables to the metadata of a service."""
        return cls(
            salts=Table(
                "anonymous_salts",
                metadata,
                Column("day", Date, primary_key=True),
                Column("salt", LargeBinary, nullable=False),
            ),
            uploads=Table(
                "anonymous_uploads",
                metadata,
                Column("day", Date, primary_key=True),
                Column("client", LargeBinary, primary_key=True),
                *_amounts(),
            ),
            total=Table(
                "anonymous_total",
                metadata,
                Column("id", SmallInteger, primary_key=True, autoincrement=False),
                *_amounts(),
            ),
            reservations=Table(
                "anonymous_reservations",
                metadata,
                Column("id", BigInteger, Identity(always=True), primary_key=True),
                Column("day", Date, nullable=False),
                Column("client", LargeBinary, nullable=False),
                Column("bytes", BigInteger, nullable=False),
                Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            ),
        )


def _amounts() -> tuple[Column[int], Column[int]]:
    return Column("pictures", BigInteger, nullable=False), Column("bytes", BigInteger, nullable=False)

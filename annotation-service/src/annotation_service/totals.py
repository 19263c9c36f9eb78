"""How many rows a list has."""

from datetime import datetime
from typing import NamedTuple


class Total(NamedTuple):
    """The number of rows on all pages of a list, and when one of them changed last."""

    rows: int
    modified_at: datetime

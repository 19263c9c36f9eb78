"""The order in which a doctor reads images."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func


def order_key(image_id: Any, account_id: Any, seed: Any) -> ColumnElement[int]:  # noqa: ANN401 - columns or numbers
    """The place of an image in the order of a doctor: random, and the same for the same seed."""
    return func.hashint8extended(image_id, cast(account_id, BigInteger).op("#")(cast(seed, BigInteger)))

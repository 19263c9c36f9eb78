"""The parameters of a request (RFC 6749 section 3.2)."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from lightbox_shared.errors import BadRequest
from lightbox_shared.forms import read_pairs


class Parameters:
    """An urlencoded form in which nothing is repeated; what is empty counts as absent, what is unknown is ignored."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise BadRequest("A parameter is repeated.")
        self._values = {name: value for name, value in pairs if value}

    def get(self, name: str) -> str | None:
        """The value, or None where there is none."""
        return self._values.get(name)

    def need(self, name: str) -> str:
        """The value. Raises `BadRequest` where there is none."""
        value = self.get(name)
        if value is None:
            raise BadRequest(f"The parameter {name} is missing.")
        return value


async def _parameters(request: Request) -> Parameters:
    return Parameters(await read_pairs(request))


Form = Annotated[Parameters, Depends(_parameters)]

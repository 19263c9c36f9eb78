"""The parameters of a request (RFC 6749 section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request, params
from pydantic import BaseModel, ValidationError

from lightbox_shared.errors import BadRequest
from lightbox_shared.requests.bodies import Schema, model_reference
from lightbox_shared.requests.forms import URLENCODED_TYPE, read_pairs

Model = TypeVar("Model", bound=BaseModel)


class Parameters:
    """An urlencoded form in which no parameter is repeated. An empty parameter counts as absent."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise BadRequest("A parameter is repeated.")
        self._values = {name: value for name, value in pairs if value}

    def get(self, name: str) -> str | None:
        """The value of a parameter; None if it is absent."""
        return self._values.get(name)

    def need(self, name: str) -> str:
        """The value of a parameter. Raises `BadRequest` if it is absent."""
        value = self.get(name)
        if value is None:
            raise _missing(name)
        return value

    def query(self) -> str:
        """All parameters, as the query of an address."""
        return urlencode(self._values)

    def validated(self, model: type[Model]) -> Model:
        """The parameters as `model`, all of whose fields are texts; unknown ones are ignored. Raises `BadRequest` if
        one is missing."""
        try:
            return model.model_validate(self._values)
        except ValidationError as error:
            raise _missing(str(error.errors(include_url=False)[0]["loc"][0])) from None


async def _parameters(request: Request) -> Parameters:
    return Parameters(await read_pairs(request))


Form = Annotated[Parameters, Depends(_parameters)]


def urlencoded(model: type[BaseModel]) -> params.Depends:
    """A dependency that reads the parameters of a request as `model`."""
    return params.Depends(_Urlencoded(model))


@dataclass(frozen=True, slots=True)
class _Urlencoded:
    """Reads and describes a form (`lightbox_shared.requests.bodies.DescribedBody`)."""

    model: type[BaseModel]

    async def __call__(self, form: Form) -> BaseModel:
        return form.validated(self.model)

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The schema of `model`, as an urlencoded form."""
        return urlencoded_body(model_reference(self.model, components))


def urlencoded_body(schema: Schema) -> Schema:
    """The description of a required body (OpenAPI 3.1 section 4.8.13)."""
    return {"required": True, "content": {URLENCODED_TYPE: {"schema": schema}}}


def _missing(name: str) -> BadRequest:
    return BadRequest(f"The parameter {name} is missing.")

"""Requests as an OpenAPI document shows them: every example of a body in every media type, with the examples of the
parameters."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from support.api_document import Operation, resolved

ELIDED: Final = "..."
"""How the example of a secret ends; the text itself can't be in a document."""


@dataclass(frozen=True)
class Example:
    """A request. `values` are the fields of an object, or a whole body that is something else."""

    media_type: str = ""
    values: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, prepared: Mapping[str, Any]) -> "Example":
        """With what a document can't know: parameters without an example, secrets that are elided, and in
        `prepared["body"]` the ids of what there is."""
        values = self.values
        if isinstance(values, dict):
            elided = {name for name, value in values.items() if str(value).endswith(ELIDED)}
            values = {**values, **{name: prepared[name] for name in elided}}
            values |= {name: value for name, value in prepared.get("body", {}).items() if name in values}
        return Example(self.media_type, values, {**self.parameters, **prepared})

    def request(
        self, http: httpx.Client, operation: Operation, file: Path, headers: Mapping[str, str]
    ) -> httpx.Request:
        """The request; what is binary is the file."""
        located: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.described.get("parameters", []):
            if parameter["name"] in self.parameters:
                located[parameter["in"]][parameter["name"]] = self.parameters[parameter["name"]]
        url = operation.path.format(**located["path"])
        is_raw = isinstance(self.values, str) or self.values is FILE
        kind = {"Content-Type": self.media_type} if is_raw else {}
        sent = {**headers, **located["header"], **kind}
        return http.build_request(operation.method, url, params=located["query"], headers=sent, **self._body(file))

    def _body(self, file: Path) -> dict[str, Any]:
        match self.media_type:
            case "":
                return {}
            case "application/json":
                return {"json": self.values}
            case "application/cbor":
                return {"content": self.values.encode()}
            case "application/octet-stream":
                return {"content": file.read_bytes()}
            case "application/x-www-form-urlencoded":
                return {"data": self.values}
            case "multipart/form-data":
                whole = (file.name, file.read_bytes())
                parts = {name: whole if each is FILE else (None, str(each)) for name, each in self.values.items()}
                return {"files": parts}
        raise AssertionError(self.media_type)


FILE: Final = object()
"""Stands for the content of a file."""


def examples(document: dict[str, Any], operation: Operation) -> Iterator[Example]:
    """All requests that the document shows for an operation; one without a body, where it takes none."""
    parameters = dict(_parameters(document, operation))
    content = operation.described.get("requestBody", {}).get("content", {})
    if not content:
        yield Example(parameters=parameters)
    for media_type, described in content.items():
        shown = list(_of_media_type(document, described))
        assert shown, f"{operation.title} has no example for {media_type}"
        for values in shown:
            yield Example(media_type, values, parameters)


def _parameters(document: dict[str, Any], operation: Operation) -> Iterator[tuple[str, Any]]:
    for parameter in operation.described.get("parameters", []):
        for value in _of_media_type(document, parameter):
            yield parameter["name"], value
            break


def _of_media_type(document: dict[str, Any], described: dict[str, Any]) -> Iterator[Any]:
    """Of a Media Type Object or a Parameter Object: its own examples, else those of its schema."""
    if "example" in described:
        yield described["example"]
    elif "examples" in described:
        yield from (each["value"] for each in described["examples"].values())
    else:
        yield from _of_schema(document, described.get("schema", {}))


def _of_schema(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """Of a schema: its own, those of its alternatives, or an object of its members' first examples."""
    whole = resolved(document, schema)
    if "examples" in whole:
        yield from whole["examples"]
    elif whole.get("format") == "binary":
        yield FILE
    elif "oneOf" in whole or "anyOf" in whole:
        for alternative in whole.get("oneOf", whole.get("anyOf", [])):
            yield from _of_schema(document, alternative)
    elif whole.get("properties"):
        shown = {name: _of_member(document, member) for name, member in whole["properties"].items()}
        if all(shown[name] for name in whole.get("required", [])):
            yield {name: values[0] for name, values in shown.items() if values}


def _of_member(document: dict[str, Any], member: dict[str, Any]) -> list[Any]:
    one = member.get("items", {}) if member.get("type") == "array" else member  # of several files one is sent
    return [FILE] if one.get("format") == "binary" else list(_of_schema(document, member))


def as_text(values: object) -> str:
    """For the title of a test."""
    return json.dumps(values, default=lambda _each: "<file>", ensure_ascii=False)[:80]

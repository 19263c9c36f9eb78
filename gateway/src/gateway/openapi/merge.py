"""Merges OpenAPI documents.

The result has the operations that are routed, and the components to which they refer. If components of one name differ
between services, the name of the service is put before theirs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.descriptions import INTRODUCTION, TAG_ORDER, security_schemes
from gateway.openapi.operations import RESPONSES, error_schemas, with_gateway_responses
from gateway.openapi.own_paths import OWN_DOCUMENT
from gateway.routes import GATEWAY, Routes

Document = Mapping[str, Any]
Component = tuple[str, str]
"""The kind and the name of a component, as in `#/components/schemas/Problem`."""

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


@dataclass(frozen=True, slots=True)
class _Part:
    """The paths and components of one service that are in the merged document."""

    service: str
    paths: dict[str, dict[str, Any]]
    components: dict[Component, Any]


def merge(documents: Mapping[str, Document], routes: Routes, *, cookie: str) -> dict[str, Any]:
    """Return one document of those of the services, by name, and of the gateway's own paths.

    `cookie` is the name of the session cookie.
    """
    everything = {**documents, GATEWAY: OWN_DOCUMENT}
    parts = [_part(service, everything[service], routes) for service in sorted(everything)]
    ambiguous = _ambiguous(parts)
    paths: dict[str, dict[str, Any]] = {}
    components: dict[Component, Any] = {("responses", name): response for name, response in RESPONSES.items()}
    for part in parts:
        final = {key: (key[0], _prefixed(part.service, key[1])) if key in ambiguous else key for key in part.components}
        references = {_reference(key): _reference(final[key]) for key in part.components if key in ambiguous}
        for path, item in part.paths.items():
            paths.setdefault(path, {}).update(_rewritten(item, references))
        components |= {final[key]: _rewritten(part.components[key], references) for key in part.components}
    for path, item in paths.items():
        for method in item.keys() & _METHODS:
            route = routes.find(path, method.upper())
            if route is not None:
                item[method] = with_gateway_responses(item[method], path, method.upper(), route)
                components |= {("schemas", name): schema for name, schema in error_schemas(route).items()}
    components |= {("securitySchemes", name): scheme for name, scheme in security_schemes(cookie).items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lightbox", "version": "0.1.0", "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": list(_tags(everything.values(), paths)),
        "paths": dict(sorted(paths.items())),
        "components": _by_kind(components, _used(paths, components)),
    }


def _by_kind(components: Mapping[Component, Any], used: set[Component]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind, name in sorted(used):
        found.setdefault(kind, {})[name] = components[kind, name]
    return found


def _part(service: str, document: Document, routes: Routes) -> _Part:
    paths = {}
    for path, item in document.get("paths", {}).items():
        kept = {key: value for key, value in item.items() if _is_kept(path, key, service, routes)}
        if kept.keys() & _METHODS:
            paths[path] = kept
    components = {
        (kind, name): component
        for kind, entries in document.get("components", {}).items()
        for name, component in entries.items()
    }
    used = _used(paths, components)
    return _Part(service, paths, {key: component for key, component in components.items() if key in used})


def _is_kept(path: str, key: str, service: str, routes: Routes) -> bool:
    """Whether a member of a path item is an operation that is routed to this service, or is not an operation."""
    if key not in _METHODS:
        return True
    route = routes.find(path, key.upper())
    return route is not None and route.service == service


def _used(paths: Document, components: Mapping[Component, Any]) -> set[Component]:
    """The components to which the paths refer, directly or through others, and the security schemes that they name."""
    by_reference = {_reference(key): key for key in components}
    used: set[Component] = set()
    waiting: list[object] = [paths]
    while waiting:
        for reference in _references(waiting.pop()):
            key = by_reference.get(reference)
            if key is not None and key not in used:
                used.add(key)
                waiting.append(components[key])
    named = {name for operation in _operations(paths) for each in operation.get("security", []) for name in each}
    return used | {key for key in components if key[0] == "securitySchemes" and key[1] in named}


def _references(node: object) -> Iterator[str]:
    match node:
        case dict():
            for key, value in node.items():
                if key == "$ref" and isinstance(value, str):
                    yield value
                elif key == "mapping" and isinstance(value, dict):  # of a discriminator: its values are references
                    yield from (each for each in value.values() if isinstance(each, str))
                yield from _references(value)
        case list():
            for each in node:
                yield from _references(each)


def _operations(paths: Document) -> Iterator[Document]:
    return (value for item in paths.values() for key, value in item.items() if key in _METHODS)


def _ambiguous(parts: Iterable[_Part]) -> set[Component]:
    """Components of one name whose content differs between services."""
    first: dict[Component, Any] = {}
    return {
        key
        for part in parts
        for key, component in part.components.items()
        if first.setdefault(key, component) != component
    }


def _reference(key: Component) -> str:
    return "#/components/{}/{}".format(*key)


def _prefixed(service: str, name: str) -> str:
    return "".join(part.title() for part in service.removesuffix("-service").split("-")) + name


def _rewritten(node: Document, references: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the tree in which references are renamed."""

    def rewrite(value: object) -> object:
        match value:
            case dict():
                return _rewritten(value, references)
            case list():
                return [rewrite(each) for each in value]
            case str():
                return references.get(value, value)
        return value

    return {key: rewrite(value) for key, value in node.items()}


def _tags(documents: Iterable[Document], paths: Document) -> Iterator[dict[str, str]]:
    """The tags that operations have, each once, with its descriptions from the services."""
    described: dict[str, list[str]] = {name: [] for name in TAG_ORDER}
    for document in documents:
        for tag in document.get("tags", []):
            texts = described.setdefault(tag["name"], [])
            text = tag.get("description")
            if text and text not in texts:
                texts.append(text)
    used = [tag for operation in _operations(paths) for tag in operation.get("tags", [])]
    for name in dict.fromkeys((*described, *used)):
        if name in used:
            text = " ".join(described.get(name, ()))
            yield {"name": name, "description": text} if text else {"name": name}

"""Prints the contracts of `lint-imports` (import-linter), made from the list of services and the folders.

- Services are independent of each other, and the kit (`lightbox_shared`) imports none of them.
- Inside of a feature, endpoints stand over the service, over the repository, over the models.
- Features of a package do not import each other in circles. `state.py` names the parts of a service for its endpoints
  and imports all of them; the endpoints import it: this is the one circle that is meant to be.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lightbox_shared.installation import SERVICES

ROOT = Path(__file__).resolve().parent.parent
KIT = "lightbox_shared"
COMMAND = "lightbox"
FOLDERS = {service.package: ROOT / service.name / "src" for service in SERVICES} | {COMMAND: ROOT / "cli" / "src"}
LAYERS = ("endpoints", "service", "repository", "models")


def contracts() -> Iterator[str]:
    """The sections of the configuration file."""
    yield _section("importlinter", root_packages=[KIT, *FOLDERS])
    yield _contract("independent", "Services are independent of each other", "independence", modules=FOLDERS)
    yield _contract(
        "kit", "The kit knows no service", "forbidden", source_modules=[KIT], forbidden_modules=list(FOLDERS)
    )
    layers = [f"({layer})" for layer in LAYERS]
    yield _contract("layers", "Layers of a feature", "layers", containers=_features(), layers=layers)
    for package, folder in FOLDERS.items():
        meant = [f"{package}.state -> {package}.**"] if (folder / package / "state.py").exists() else []
        name = f"No circles between the parts of {package}"
        yield _contract(f"acyclic.{package}", name, "acyclic_siblings", ancestors=[package], ignore_imports=meant)


def _features() -> list[str]:
    """Packages with modules of at least two layers."""
    return [
        ".".join(path.relative_to(folder).parts)
        for package, folder in FOLDERS.items()
        for path in sorted((folder / package).rglob("*"))
        if sum((path / f"{layer}.py").exists() for layer in LAYERS) > 1
    ]


def _contract(identifier: str, name: str, kind: str, **lists: Iterable[str]) -> str:
    return _section(f"importlinter:contract:{identifier}", f"name = {name}", f"type = {kind}", **lists)


def _section(title: str, *values: str, **lists: Iterable[str]) -> str:
    lines = [f"[{title}]", *values]
    for name, items in lists.items():
        lines += [f"{name} =", *(f"    {item}" for item in items)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print("\n".join(contracts()))  # noqa: T201 - the Makefile writes it into a file

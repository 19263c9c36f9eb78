"""The catalog of models. A version of a model is a folder `<repository>/<name>/<version>/`.

It contains the graph (`model.onnx`), the description (`model.toml`) and the model card (`CARD.md`). A graph is
executed, so it must have the SHA-256 digest that is named in the description.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_service.model_repository.description import ModelDescription, ModelError, read_description


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model in a repository."""

    name: str
    version: int
    folder: Path
    description: ModelDescription

    @property
    def identity(self) -> str:
        """Name and version, such as `covid19/1`."""
        return f"{self.name}/{self.version}"

    @property
    def graph(self) -> Path:
        """The path of the ONNX file."""
        return self.folder / "model.onnx"

    @property
    def card(self) -> Path:
        """The path of the model card."""
        return self.folder / "CARD.md"


class ModelCatalog:
    """All versions of all models. They have been checked when the catalog was made."""

    def __init__(self, versions: Iterable[ModelVersion]) -> None:
        self._by_identity = {each.identity: each for each in versions}

    @classmethod
    def scan(cls, repositories: Sequence[Path]) -> "ModelCatalog":
        """Read repositories; a version in a later one replaces the same version in an earlier one.

        Raises `ModelError`. Blocks while it reads and hashes files: call it in a thread.
        """
        found: dict[str, ModelVersion] = {}
        for repository in repositories:
            if not repository.is_dir():
                raise ModelError(f"{repository}: there is no such folder")
            for path in sorted(repository.glob("*/*/model.toml")):
                version = _read_version(path)
                found[version.identity] = version
        return cls(found.values())

    def __iter__(self) -> Iterator[ModelVersion]:
        return iter(sorted(self._by_identity.values(), key=lambda each: (each.name, each.version)))

    def find(self, name: str) -> ModelVersion | None:
        """The version with this `name/version`, or the highest one with this name; None if there is none."""
        if "/" in name:
            return self._by_identity.get(name)
        versions = [each for each in self._by_identity.values() if each.name == name]
        return max(versions, key=lambda each: each.version, default=None)

    def serving(self, system: str, name: str, fields: Sequence[str]) -> ModelVersion:
        """The model that a system uses. Raises `ModelError` if it is missing or has no labels for some of the
        `fields`."""
        version = self.find(name)
        if version is None:
            raise ModelError(f"{system}: there is no model {name!r} in the repository")
        missing = [field for field in fields if field not in version.description.serves.get(system, {})]
        if missing:
            raise ModelError(f"{version.folder}: [serves.{system}] lacks {', '.join(missing)}")
        return version


def _read_version(path: Path) -> ModelVersion:
    folder = path.parent
    if not folder.name.isascii() or not folder.name.isdigit() or folder.name.startswith("0"):
        raise ModelError(f"{folder}: the version is a positive whole number")
    version = ModelVersion(folder.parent.name, int(folder.name), folder, read_description(path))
    try:
        with version.graph.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{version.graph}: {error.strerror}") from error
    if digest != version.description.sha256:
        raise ModelError(f"{version.graph}: has SHA-256 {digest}, and model.toml expects another; it is not loaded")
    return version

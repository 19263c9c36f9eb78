"""The import of a folder of this machine: its files go to a folder of the drive, and from there into a group."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from lightbox.collect.files import picture_suffix
from lightbox.collect.progress import progress_bars
from lightbox.hub.client import TIMEOUT, HubClient, RemoteFile, RemoteFolder
from lightbox.hub.uploads import upload_file
from lightbox_shared.commands.terminal import CommandError

POLL_SECONDS: Final = 0.3
FILES_AT_ONCE: Final = 1000
"""So many files are named in a request, whose body is limited."""
HEAD_BYTES: Final = 132
"""DICOM files have their mark behind 128 bytes."""

OutcomeCallback = Callable[[str, str], None]
"""Called once for each file with its name and what went wrong, which is empty otherwise."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has done."""

    uploaded: int
    were_there: int
    """Files that the folder of the drive had already, with the same name and size."""
    left_out: int
    """Files that are no pictures."""
    added: int
    groups: Sequence[int]
    """The groups that pictures were added to."""


def files_of(folder: Path) -> list[Path]:
    """The files of a folder in the order of their names, without hidden ones and without those of its folders. Raises
    `CommandError`."""
    try:
        found = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}.") from error
    if not found:
        raise CommandError(f"{folder} has no files.")
    return found


def import_folder(
    hub: HubClient, folder: Path, *, name: str, group: int | None, on_outcome: OutcomeCallback
) -> Imported:
    """Upload the pictures of `folder` to the folder `name` of the drive, and add them to a group: -1 for a new one,
    None for none.

    A file that the drive has already, by its name and size, is not uploaded again, so that an import that was broken
    off while it uploaded can be repeated. Raises `CommandError` for a failure that concerns all files.
    """
    paths = files_of(folder)
    remote = hub.folder_named(name)
    known = {each.name: each for each in remote.files}
    left_out = 0
    uploaded: list[RemoteFile] = []
    there: list[RemoteFile] = []
    with httpx.Client(timeout=TIMEOUT) as http, progress_bars() as bars:
        for path in paths:
            size = path.stat().st_size
            found = known.get(path.name)
            if found is not None and found.size == size:
                there.append(found)
                on_outcome(path.name, "")
                continue
            try:
                if not _is_picture(path):
                    left_out += 1
                    continue
                with bars.bar(path.name) as on_progress:
                    item_id = upload_file(http, hub.upload_address(remote.id, path.name), path, on_progress)
            except (CommandError, OSError) as error:
                # The file is there if nothing but the answer to its last chunk was lost.
                item_id = _item_of(hub, name, path.name, size) if path.name not in known else ""
                if not item_id:
                    on_outcome(path.name, str(error))
                    continue
            uploaded.append(RemoteFile(item_id, path.name, size))
            on_outcome(path.name, "")
    if group is None or not (uploaded or there):
        return Imported(len(uploaded), len(there), left_out, 0, ())
    files, added, groups = [*there, *uploaded], 0, list[int]()
    for start in range(0, len(files), FILES_AT_ONCE):
        done = _add(hub, remote, files[start : start + FILES_AT_ONCE], group, on_outcome)
        added += done["added"]
        groups += [each for each in done["groups"] if each not in groups]
        group = groups[0] if groups else group
    return Imported(len(uploaded), len(there), left_out, added, groups)


def _item_of(hub: HubClient, folder: str, filename: str, size: int) -> str:
    """The id of a file of this name and size in a folder of the drive; "" if there is none, or no answer."""
    try:
        files = hub.folder_named(folder).files
    except CommandError:
        return ""
    return next((each.id for each in files if (each.name, each.size) == (filename, size)), "")


def _is_picture(path: Path) -> bool:
    """Whether a file begins like one of the formats that the gallery reads."""
    with path.open("rb") as file:
        return picture_suffix(file.read(HEAD_BYTES)) is not None


def _add(
    hub: HubClient, folder: RemoteFolder, files: list[RemoteFile], group: int, on_outcome: OutcomeCallback
) -> dict[str, Any]:
    """Have the server add files to a group, and wait for it."""
    path = hub.add_pictures(folder, files, group)
    with progress_bars() as bars, bars.bar(f"adding {len(files)} pictures") as on_progress:
        while True:
            progress = hub.addition(path)
            on_progress(progress["added"] + progress["failed"], progress["total"])
            if progress["state"] in {"done", "cancelled", "failed"}:
                break
            time.sleep(POLL_SECONDS)
    for error in progress["errors"]:
        on_outcome(error["file_name"], error["detail"])
    return progress

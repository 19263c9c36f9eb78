"""Errors of groups."""

from typing import Final

from lightbox_shared.errors import Conflict, InvalidRequest, NotFound
from lightbox_shared.errors.sentences import Sentence

MAX_NAMED: Final = 20


class NoSuchGroup(NotFound):
    """There is no group with this number."""

    code = "no-such-group"
    default_detail = "There is no such group."


class GroupHasPictures(Conflict):
    """A group with pictures is deleted only together with them, and only if that is asked for."""

    code = "group-has-pictures"
    default_detail = "This group has pictures. With ?pictures=delete they are deleted as well."


class CircularGroups(Conflict):
    """A group would be below itself."""

    code = "circular-groups"
    default_detail = "A group can't be below itself."


class GroupsTooDeep(Conflict):
    """There would be more levels of groups than are allowed."""

    code = "groups-too-deep"
    default_detail = "Groups may have at most 8 levels."


def unknown(field: str, numbers: list[int], what: str = "groups") -> InvalidRequest:
    """The error for numbers of groups or pictures that do not exist."""
    some = ", ".join(map(str, numbers[:MAX_NAMED]))
    sentence = f"There are no such {what}: {some}{' ...' if len(numbers) > MAX_NAMED else ''}"
    return InvalidRequest.of(field, Sentence("not-there", sentence))

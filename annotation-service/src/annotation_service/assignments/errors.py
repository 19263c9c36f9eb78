"""What is refused with assignments."""

from annotation_service.errors import Contradiction, Missing
from lightbox_shared.errors import InvalidRequest

MOST_NAMED = 10


class NoSuchAssignment(Missing):
    """There is no such assignment."""

    default_detail = "There is no such assignment."


class TooFewReaders(Contradiction):
    """An image has fewer possible readers than are wanted."""

    def __init__(self, image_id: int, readers: int) -> None:
        super().__init__(f"There are too few doctors for {readers} readers of image {image_id}.")


class NotAssignable(Contradiction):
    """Readers are asked for unassigned and running images only."""

    def __init__(self, image_ids: list[int]) -> None:
        super().__init__(f"Only unassigned and running images can get readers, not {named(image_ids)}.")


def unknown_images(image_ids: list[int]) -> InvalidRequest:
    """The error for ids without an image."""
    return InvalidRequest.of("images", f"There is no image {named(image_ids)}.")


def too_many_images(most: int) -> InvalidRequest:
    """The error where more images are meant than one request can be about."""
    return InvalidRequest.of("images", f"More than {most} images are meant; name those that are, or a scheme or rule.")


def unknown_doctors(account_ids: list[int], field: str = "doctors") -> InvalidRequest:
    """The error for ids without an approved doctor."""
    return InvalidRequest.of(field, f"There is no approved doctor {named(account_ids)}.")


def named(ids: list[int]) -> str:
    """The first ids as a text."""
    shown = ", ".join(map(str, ids[:MOST_NAMED]))
    return shown if len(ids) <= MOST_NAMED else f"{shown} and {len(ids) - MOST_NAMED} more"

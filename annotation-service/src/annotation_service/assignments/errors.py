"""What is refused with assignments."""

from annotation_service.errors import Contradiction, Missing
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import TIME_IS_OVER, Sentence

MOST_NAMED = 10


class NoSuchAssignment(Missing):
    """There is no such assignment."""

    default_detail = "There is no such assignment."


class TooFewReaders(Contradiction):
    """An image has fewer possible readers than are wanted."""

    def __init__(self, image_id: int, readers: int) -> None:
        sentence = f"There are too few doctors for {readers} readers of image {image_id}."
        super().__init__(Sentence("too-few-readers", sentence, readers=readers, image=str(image_id)))


class NotAssignable(Contradiction):
    """Readers are asked for unassigned and running images only."""

    def __init__(self, image_ids: list[int]) -> None:
        images = named(image_ids)
        sentence = f"Only unassigned and running images can get readers, not {images}."
        super().__init__(Sentence("not-assignable", sentence, images=images))


def unknown_images(image_ids: list[int]) -> InvalidRequest:
    """The error for ids without an image."""
    return InvalidRequest.of("images", Sentence("not-there", f"There is no image {named(image_ids)}."))


def too_many_images(most: int) -> InvalidRequest:
    """The error where more images are meant than one request can be about."""
    sentence = f"More than {most} images are meant; name those that are, or a scheme or rule."
    return InvalidRequest.of("images", Sentence("too-many-images", sentence, most=most))


def time_is_over() -> InvalidRequest:
    """The error for jobs that would be overdue when they are made."""
    return InvalidRequest.of("due_at", TIME_IS_OVER)


def unknown_doctors(account_ids: list[int], field: str = "doctors") -> InvalidRequest:
    """The error for ids without an approved doctor."""
    return InvalidRequest.of(field, Sentence("no-such-doctor", f"There is no approved doctor {named(account_ids)}."))


def unknown_finding(model: str, known: list[str]) -> InvalidRequest:
    """The error for a finding that a model gives no score for."""
    return InvalidRequest.of("rule.finding", f"{model} has no such finding. It has {', '.join(known)}.")


def named(ids: list[int]) -> str:
    """The first ids as a text."""
    shown = ", ".join(map(str, ids[:MOST_NAMED]))
    return shown if len(ids) <= MOST_NAMED else f"{shown} and {len(ids) - MOST_NAMED} more"

"""The states of jobs and images, by their codes, and the transitions between them."""

from enum import IntEnum, StrEnum
from typing import Final


class JobState(IntEnum):
    """How far a doctor has come with an image."""

    UNLABELED = 200
    LABELING = 201
    FINISHED = 202


class ImageState(IntEnum):
    """How far all doctors have come with an image. The codes are those of TheYelda's later clients."""

    UNASSIGNED = 300
    RUNNING = 301
    DIFFERENT = 302
    """The readers disagree, and one more doctor reads the image."""
    DIFFERENT_AGAIN = 303
    """They still disagree, and an expert or an administrator settles it."""
    DONE = 304

    @property
    def takes_readers(self) -> bool:
        """Whether readers can be asked for an image in this state."""
        return self in OPEN_STATES


class JobKind(IntEnum):
    """Why a doctor reads an image."""

    READER = 1
    FURTHER = 2
    """One more reader, since the others disagree."""
    EXPERT = 3
    """The reader whose label is the ground truth."""


class NamedState(StrEnum):
    """The states of images by TheYelda's names, of which one stands for both kinds of disagreement."""

    UNASSIGNED = "unassigned"
    RUNNING = "running"
    DIFFERENT = "different"
    DONE = "done"

    @classmethod
    def of(cls, state: ImageState) -> "NamedState":
        """The name of a state."""
        return next(name for name in cls if state in name.states)

    @property
    def states(self) -> frozenset[ImageState]:
        """The states that the name stands for."""
        if self is NamedState.DIFFERENT:
            return frozenset({ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN})
        return frozenset({ImageState[self.name]})


OPEN_STATES: Final = (ImageState.UNASSIGNED, ImageState.RUNNING)
"""The states of images that take readers."""
IMAGE_TRANSITIONS: Final = frozenset(
    {
        (ImageState.UNASSIGNED, ImageState.RUNNING),
        (ImageState.RUNNING, ImageState.UNASSIGNED),  # all its jobs were deleted
        (ImageState.DIFFERENT, ImageState.UNASSIGNED),
        (ImageState.DIFFERENT_AGAIN, ImageState.UNASSIGNED),
        (ImageState.RUNNING, ImageState.DONE),
        (ImageState.RUNNING, ImageState.DIFFERENT),
        (ImageState.RUNNING, ImageState.DIFFERENT_AGAIN),
        (ImageState.DIFFERENT, ImageState.DONE),
        (ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN),
        (ImageState.DIFFERENT_AGAIN, ImageState.DONE),
    }
)
JOB_TRANSITIONS: Final = frozenset({(JobState.UNLABELED, JobState.LABELING), (JobState.LABELING, JobState.FINISHED)})

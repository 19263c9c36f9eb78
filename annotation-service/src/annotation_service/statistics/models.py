"""What is read of the jobs of doctors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How many jobs of an account there are in each state, and how long the finished ones took."""

    unlabeled: int
    labeling: int
    finished: int
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class Doctor:
    """An account with finished jobs."""

    id: int
    name: str

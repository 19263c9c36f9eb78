"""Random histories of images, jobs and labels: in whatever order people act, no forbidden state is reached.

Each example has several images, with the same doctors and experts. What is refused must have changed nothing, without a
rollback: the transaction goes on.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from support.databases import FreshDatabase
from support.histories import ADMIN, DOCTORS, EXPERTS, OTHER_SCHEME, Bench, Example, Seen, check

from annotation_service.images import service as images
from annotation_service.labels import repository as labels_repository
from annotation_service.labels import service as labels
from annotation_service.workflow import repository, service
from annotation_service.workflow.errors import NoSuchImage, NoSuchJob
from annotation_service.workflow.service import Cause, ImageEdit, JobEdit
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import LightboxError

EXAMPLES = 200
IMAGES = 10
STEPS = 60
"""Of an example. There are EXAMPLES * IMAGES histories."""

IMAGE = st.integers(0, IMAGES - 1)
READER = st.sampled_from((*DOCTORS, EXPERTS[0]))
NUMBER = st.integers(0, 4)
"""Of a job of the image, by its age; one that the image may not have."""
VALUE = st.integers(1, 3)
STATES: tuple[frozenset[ImageState], ...] = (
    frozenset({ImageState.DONE}),
    frozenset({ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN}),
    frozenset({ImageState.RUNNING}),
)

Work = Callable[[WriteSession], Awaitable[object]]


class Histories(RuleBasedStateMachine):
    """People who act on a few images in any order."""

    bench: ClassVar[Bench]

    @initialize(wanted=st.lists(st.sampled_from((0, 0, 0, 1, 2, 3)), min_size=IMAGES, max_size=IMAGES))
    def make_images(self, wanted: list[int]) -> None:
        self.example: Example = self.bench.begin()
        self.ids: list[int] = []
        self.seen: list[Seen] = []
        for readers in wanted:
            image_id = self.example.run(self._make_image(readers))
            self.ids.append(image_id)
            self.seen.append(self.example.see(image_id))

    def _make_image(self, wanted: int) -> Callable[[WriteSession], Awaitable[int]]:
        async def make(session: WriteSession) -> int:
            image = await images.create(session, self.bench.picture_id, ADMIN)
            if wanted:
                await service.want_readers(session, image, wanted_readers=wanted)
            return image.id

        return make

    def teardown(self) -> None:
        if hasattr(self, "example"):
            self.example.end()

    def act(self, at: int, work: Work) -> bool:
        """Whether the work was done; else it was refused."""
        try:
            self.example.run(work)
        except LightboxError as refusal:
            assert refusal.status < 500
            assert self.example.see(self.ids[at]) == self.seen[at], "what is refused changes nothing"
            return False
        before, self.seen[at] = self.seen[at], self.example.see(self.ids[at])
        check(before, self.seen[at])
        return True

    def job(self, at: int, number: int) -> dict[str, Any]:
        """A job of the image; an unknown one if it has not so many."""
        jobs = self.seen[at].jobs
        return jobs[number] if number < len(jobs) else {"id": 10**9, "account_id": DOCTORS[0], "label_id": None}

    def edit(self, at: int, job: dict[str, Any], edit: JobEdit, account_id: int) -> bool:
        async def work(session: WriteSession) -> None:
            found = await repository.lock_image_of_job(session, job["id"])
            if found is None:
                raise NoSuchJob
            await service.edit_job(session, *found, edit, account_id)

        return self.act(at, work)

    @rule(at=IMAGE, account_id=READER)
    def create_job(self, at: int, account_id: int) -> None:
        self.act(at, lambda session: service.create_job(session, self.ids[at], account_id, Cause("by hand", ADMIN)))

    @rule(at=IMAGE, number=NUMBER, value=VALUE)
    def finish_with_a_new_label(self, at: int, number: int, value: int) -> None:
        job = self.job(at, number)
        label_id = self.example.label(job["account_id"], value)
        self.edit(at, job, JobEdit(label_id, JobState.FINISHED), job["account_id"])

    @rule(at=IMAGE, values=st.lists(VALUE, min_size=4, max_size=4))
    def finish_all(self, at: int, values: list[int]) -> None:
        """Each doctor with an open job finishes it, by a label that may be in it already."""
        for job, value in zip(self.seen[at].open, values, strict=False):
            label_id = job["label_id"] or self.example.label(job["account_id"], value)
            assert self.edit(at, job, JobEdit(label_id, JobState.FINISHED), job["account_id"])

    @rule(
        at=IMAGE,
        number=NUMBER,
        state=st.sampled_from((None, *JobState)),
        label=st.sampled_from(("none", "new", "its own", "another doctor's", "another job's", "another scheme's")),
        by=st.sampled_from(("its doctor", "its doctor", "its doctor", "another doctor")),
    )
    def edit_job(self, at: int, number: int, state: JobState | None, label: str, by: str) -> None:
        job = self.job(at, number)
        doctor = job["account_id"]
        other = DOCTORS[0] if doctor != DOCTORS[0] else DOCTORS[1]
        label_id = {
            "none": lambda: None,
            "new": lambda: self.example.label(doctor, 1),
            "its own": lambda: job["label_id"],
            "another doctor's": lambda: self.example.label(other, 1),
            "another job's": lambda: self.label_in_use_of(doctor),
            "another scheme's": lambda: self.example.label(doctor, 1, scheme=OTHER_SCHEME),
        }[label]()
        self.edit(at, job, JobEdit(label_id, state), doctor if by == "its doctor" else other)

    def label_in_use_of(self, doctor: int) -> int | None:
        """A label of this doctor in a job of any image."""
        jobs = [job for seen in self.seen for job in seen.jobs if job["account_id"] == doctor and job["label_id"]]
        return jobs[0]["label_id"] if jobs else None

    @rule(at=IMAGE, number=NUMBER, value=VALUE, how=st.sampled_from(("change", "delete")))
    def touch_label(self, at: int, number: int, value: int, how: str) -> None:
        job = self.job(at, number)
        caller = Principal("", 0, account_id=job["account_id"], authority=Authority.DOCTOR)

        async def work(session: WriteSession) -> None:
            if how == "change":
                label = await labels.lock_to_edit(session, caller, job["label_id"] or 10**9)
                await labels_repository.change(session, label.id, {"dr": value})
            else:
                label = await labels.lock_to_delete(session, caller, job["label_id"] or 10**9)
                await labels_repository.remove(session, label.id)

        done = self.act(at, work)
        assert done == (job["label_id"] is not None and job["state"] != JobState.FINISHED)

    @rule(at=IMAGE, number=NUMBER)
    def delete_job(self, at: int, number: int) -> None:
        job = self.job(at, number)

        async def work(session: WriteSession) -> None:
            found = await repository.lock_image_of_job(session, job["id"])
            if found is None:
                raise NoSuchJob
            await service.delete_job(session, *found, Cause("deleted by an administrator", ADMIN))

        self.act(at, work)

    @rule(
        at=IMAGE,
        number=NUMBER,
        label=st.sampled_from(("none", "the job's", "the job's", "own", "another image's", "another scheme's")),
        states=st.lists(st.sampled_from(STATES), max_size=2).map(tuple),
    )
    def settle(self, at: int, number: int, label: str, states: tuple[frozenset[ImageState], ...]) -> None:
        label_id = {
            "none": lambda: None,
            "the job's": lambda: self.job(at, number)["label_id"],
            "own": lambda: self.example.label(ADMIN, 1),
            "another image's": lambda: self.label_in_use_of(self.job((at + 1) % IMAGES, number)["account_id"]),
            "another scheme's": lambda: self.example.label(ADMIN, 1, scheme=OTHER_SCHEME),
        }[label]()
        done = self.act(at, self.on_image(at, service.edit_image, ImageEdit(label_id, states), actor=ADMIN))
        assert not done or label != "another scheme's"

    @rule(at=IMAGE, wanted=st.integers(0, 4))
    def want_readers(self, at: int, wanted: int) -> None:
        self.act(at, self.on_image(at, service.want_readers, wanted_readers=wanted))

    @precondition(lambda self: any(not seen.jobs for seen in self.seen))
    @rule(at=IMAGE)
    def delete_image(self, at: int) -> None:
        """Another image takes its place."""
        has_jobs = bool(self.seen[at].jobs)
        assert self.act(at, self.on_image(at, images.delete, ADMIN)) is not has_jobs
        if not has_jobs:
            assert self.seen[at].image is None
            assert not self.act(at, self.on_image(at, images.delete, ADMIN))
            self.ids[at] = self.example.run(self._make_image(0))
            self.seen[at] = self.example.see(self.ids[at])

    def on_image(self, at: int, function: Callable[..., Awaitable[object]], *values: Any, **options: Any) -> Work:
        """`function` on the image, locked."""

        async def work(session: WriteSession) -> None:
            image = await repository.lock_image(session, self.ids[at])
            if image is None:
                raise NoSuchImage
            await function(session, image, *values, **options)

        return work


@pytest.fixture
def machine(fresh_database: FreshDatabase) -> Iterator[type[Histories]]:
    Histories.bench = Bench(fresh_database("annotation_service"))
    yield Histories
    Histories.bench.close()


def test_no_history_reaches_a_forbidden_state(machine: type[Histories]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

"""Random histories of images, jobs and labels: in whatever order people act, no forbidden state is reached.

Each example has several images, with the same doctors and experts. What is refused must have changed nothing, without a
rollback: the transaction goes on.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from support.databases import FreshDatabase
from support.histories import ADMIN, DOCTORS, EXPERTS, OTHER_SCHEME, Bench, Example, Seen, check

from annotation_service.accounts import repository as accounts
from annotation_service.images import service as images
from annotation_service.labels import repository as labels_repository
from annotation_service.labels import service as labels
from annotation_service.workflow import assigning, assigning_repository, repository, service, totals_repository
from annotation_service.workflow.assigning import TooFewDoctors
from annotation_service.workflow.errors import ImageIsSettled, NoSuchImage, NoSuchJob
from annotation_service.workflow.models import Image
from annotation_service.workflow.service import Cause, ImageEdit, JobEdit
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import LightboxError

EXAMPLES = 240
IMAGES = 8
STEPS = 16
"""Of an example. There are EXAMPLES * IMAGES histories."""

READERS = st.lists(st.sampled_from((*DOCTORS, EXPERTS[0])), min_size=1, max_size=3, unique=True)
VALUE = st.integers(1, 3)
VALUES = st.lists(VALUE, min_size=5, max_size=5)
NUMBER = st.integers(0, 4)
"""Of a job of the image, by its age; one that the image does not have stands for the last one."""
STATES: tuple[frozenset[ImageState], ...] = (
    frozenset({ImageState.DONE}),
    frozenset({ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN}),
    frozenset({ImageState.RUNNING}),
)

BY_HAND = Cause("by hand", ADMIN)
NO_JOB: dict[str, Any] = {"id": 10**9, "account_id": DOCTORS[0], "label_id": None}

Work = Callable[[WriteSession], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Place:
    """Says which image a rule is for."""

    number: int
    any_state: bool
    """Whether it may be one for which the rule is refused."""


IMAGE = st.integers(0, IMAGES - 1)
AT = st.builds(Place, IMAGE, st.sampled_from((False, False, False, True)))


def has_jobs(seen: Seen) -> bool:
    """Whether the image has a job."""
    return bool(seen.jobs)


def has_open_jobs(seen: Seen) -> bool:
    """Whether a doctor has to read the image."""
    return bool(seen.open)


def takes_readers(seen: Seen) -> bool:
    """Whether jobs can be made for the image."""
    return seen.state in {ImageState.UNASSIGNED, ImageState.RUNNING}


def can_be_settled(seen: Seen) -> bool:
    """Whether an administrator can say what the result is."""
    return seen.state in {ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN, ImageState.DONE}


class Histories(RuleBasedStateMachine):
    """People who act on a few images in any order."""

    bench: ClassVar[Bench]

    @initialize(
        wanted=st.lists(st.sampled_from((0, 0, 0, 1, 2, 3)), min_size=IMAGES, max_size=IMAGES),
        readers=st.lists(READERS, min_size=IMAGES, max_size=IMAGES),
    )
    def make_images(self, wanted: list[int], readers: list[list[int]]) -> None:
        self.example: Example = self.bench.begin()
        self.turn = 0
        self.ids = [self.example.image(readers) for readers in wanted]
        self.seen = [Seen(None, [], []) for _ in self.ids]
        for at, account_ids in enumerate(readers):
            for each in account_ids[1:]:
                self.example.run(self.creation(at, each))
            assert self.act(at, self.creation(at, account_ids[0]))

    def teardown(self) -> None:
        if hasattr(self, "example"):
            self.example.end()

    def act(self, at: int, work: Work) -> bool:
        """Whether the work on an image was done; else it was refused."""
        return self.act_on([at], work)

    def act_on(self, places: Sequence[int], work: Work) -> bool:
        """The same for work on several images."""
        try:
            self.example.run(work)
        except (LightboxError, TooFewDoctors):
            for at in places:
                assert self.example.see(self.ids[at]) == self.seen[at], "what is refused changes nothing"
            return False
        for at in places:
            before, self.seen[at] = self.seen[at], self.example.see(self.ids[at])
            check(before, self.seen[at])
        return True

    def find(self, place: Place, condition: Callable[[Seen], bool]) -> int:
        """The number of an image for which the condition holds, if there is one, else of any. Rules that follow each
        other begin to look at different places, so that all images get their share."""
        self.turn += 1
        order = [(self.turn + place.number + each) % IMAGES for each in range(IMAGES)]
        fitting = [] if place.any_state else [each for each in order if condition(self.seen[each])]
        return (fitting or order)[0]

    def job(self, at: int, number: int) -> dict[str, Any]:
        """A job of the image; an unknown one if it has none."""
        jobs = self.seen[at].jobs
        return jobs[min(number, len(jobs) - 1)] if jobs else NO_JOB

    def edit(self, at: int, job: dict[str, Any], edit: JobEdit, account_id: int) -> bool:
        async def work(session: WriteSession) -> None:
            locked = await service.lock_to_edit(session, job["id"], edit)
            await service.edit_job(session, locked, edit, account_id)

        return self.act(at, work)

    @rule(place=AT, accounts=READERS)
    def create_jobs(self, place: Place, accounts: list[int]) -> None:
        self.create(self.find(place, takes_readers), accounts)

    @rule(place=AT, values=VALUES)
    def finish_jobs(self, place: Place, values: list[int]) -> None:
        self.finish(self.find(place, has_open_jobs), values)

    @rule(place=AT, values=VALUES, more=VALUES)
    def read(self, place: Place, values: list[int], more: list[int]) -> None:
        """The whole way of an image: its doctors, and where they disagree one more, and an expert."""
        at = self.find(place, has_open_jobs)
        for each in (values, more, more[::-1]):
            self.finish(at, each)

    def create(self, at: int, accounts: list[int]) -> None:
        for each in accounts:
            self.act(at, self.creation(at, each))

    def creation(self, at: int, account_id: int) -> Work:
        return partial(service.create_job, image_id=self.ids[at], account_id=account_id, cause=BY_HAND)

    def finish(self, at: int, values: list[int]) -> None:
        """Each doctor with an open job finishes it, by a label that may be in it already."""
        for job, value in zip(self.seen[at].open, values, strict=False):
            label_id = job["label_id"] or self.example.label(job["account_id"], value)
            assert self.edit(at, job, JobEdit(label_id, JobState.FINISHED), job["account_id"])

    @rule(
        place=AT,
        number=NUMBER,
        state=st.sampled_from((None, *JobState)),
        label=st.sampled_from(("none", "new", "its own", "another doctor's", "another job's", "another scheme's")),
        by=st.sampled_from(("its doctor", "its doctor", "its doctor", "another doctor")),
    )
    def edit_job(self, place: Place, number: int, state: JobState | None, label: str, by: str) -> None:
        at = self.find(place, has_open_jobs)
        job = self.job(at, number)
        doctor = job["account_id"]
        other = DOCTORS[0] if doctor != DOCTORS[0] else DOCTORS[1]
        label_id = self.label_for(label, job, other)
        self.edit(at, job, JobEdit(label_id, state), doctor if by == "its doctor" else other)

    def label_for(self, kind: str, job: dict[str, Any], other: int) -> int | None:
        doctor: int = job["account_id"]
        match kind:
            case "new":
                return self.example.label(doctor, 1)
            case "its own":
                return cast("int | None", job["label_id"])
            case "another doctor's":
                return self.example.label(other, 1)
            case "another job's":
                return self.label_in_use_of(doctor)
            case "another scheme's":
                return self.example.label(doctor, 1, scheme=OTHER_SCHEME)
        return None

    def label_in_use_of(self, doctor: int) -> int | None:
        """A label of this doctor in a job of any image."""
        jobs = [job for seen in self.seen for job in seen.jobs if job["account_id"] == doctor and job["label_id"]]
        return jobs[0]["label_id"] if jobs else None

    @rule(place=AT, number=NUMBER, value=VALUE, how=st.sampled_from(("change", "delete")))
    def change_label(self, place: Place, number: int, value: int, how: str) -> None:
        at = self.find(place, has_open_jobs)
        job = self.job(at, number)
        caller = Principal("", 0, account_id=job["account_id"], authority=Authority.DOCTOR)

        async def work(session: WriteSession) -> None:
            if how == "delete":
                label = await labels.lock_to_delete(session, caller, job["label_id"] or 10**9)
                await labels_repository.remove(session, label.id)
                return
            label = await labels.lock_to_edit(session, caller, job["label_id"] or 10**9)
            await labels_repository.change(session, label.id, {"dr": value})

        done = self.act(at, work)
        assert done == (job["label_id"] is not None and job["state"] != JobState.FINISHED)

    @rule(place=AT, number=NUMBER)
    def delete_job(self, place: Place, number: int) -> None:
        at = self.find(place, has_jobs)
        job = self.job(at, number)

        async def work(session: WriteSession) -> None:
            found = await repository.lock_image_of_job(session, job["id"])
            if found is None:
                raise NoSuchJob
            await service.delete_job(session, found.image, found.job, Cause("deleted by an administrator", ADMIN))

        self.act(at, work)

    @rule(
        place=AT,
        number=NUMBER,
        label=st.sampled_from(
            ("none", "the job's", "the job's", "their own", "their own of another scheme", "another image's")
        ),
        states=st.lists(st.sampled_from(STATES), max_size=2).map(tuple),
    )
    def settle(self, place: Place, number: int, label: str, states: tuple[frozenset[ImageState], ...]) -> None:
        at = self.find(place, can_be_settled)
        label_id = {"none": None, "the job's": self.job(at, number)["label_id"]}.get(label)
        if label == "another image's":
            label_id = self.label_in_use_of(self.job((at + 1) % IMAGES, number)["account_id"])
        elif "own" in label:
            label_id = self.example.label(ADMIN, 1, scheme=OTHER_SCHEME if "scheme" in label else "built in")
        done = self.act(at, self.on_image(at, service.edit_image, ImageEdit(label_id, states), actor=ADMIN))
        assert not done or "scheme" not in label

    @rule(place=AT, wanted=st.integers(0, 4))
    def want_readers(self, place: Place, wanted: int) -> None:
        at = self.find(place, takes_readers)
        self.act(at, self.on_image(at, service.want_readers, wanted_readers=wanted))

    @rule(place=AT, more=IMAGE, readers=st.integers(1, 3), named=st.booleans())
    def assign(self, place: Place, more: int, readers: int, named: bool) -> None:
        """So many readers for two images, or for one."""
        places = sorted({self.find(place, takes_readers), more})
        ids = [self.ids[at] for at in places]
        doctors = DOCTORS[1:] if named else DOCTORS

        async def work(session: WriteSession) -> None:
            locked = await assigning_repository.lock_images(session, [Image.id.in_(ids)], limit=len(ids))
            if not all(each.state.takes_readers for each in locked):
                raise ImageIsSettled
            load = await totals_repository.open_jobs(session, doctors)
            plan = assigning.choose_readers(locked, load, readers, seed=1)
            await assigning.give(session, plan, BY_HAND, order_seed=1, due_at=None)
            columns = {"eligible_doctors": list(doctors) if named else None}
            await assigning.want(session, ids, readers, columns)

        self.act_on(places, work)

    @rule(account_id=st.sampled_from((*DOCTORS, *EXPERTS)), with_labels=st.booleans())
    def leave(self, account_id: int, with_labels: bool) -> None:
        """All open jobs of an account go to others."""

        async def work(session: WriteSession) -> None:
            jobs = await assigning_repository.lock_open_jobs(session, account_id, with_labels=with_labels)
            others = await accounts.readers(session)
            del others[account_id]
            load = await totals_repository.open_jobs(session, list(others))
            successors = assigning.choose_successors(jobs, others, load, among=None, seed=1)
            await assigning.hand_over(session, jobs, successors, BY_HAND)

        assert self.act_on(range(IMAGES), work)
        left = [job for seen in self.seen for job in seen.open if job["account_id"] == account_id]
        assert not [job for job in left if with_labels or job["label_id"] is None]

    @rule(place=AT)
    def delete_image(self, place: Place) -> None:
        """Another image takes its place."""
        at = self.find(place, has_jobs)
        deleted = self.act(at, self.on_image(at, images.delete, ADMIN))
        assert deleted is not has_jobs(self.seen[at])
        if deleted:
            assert self.seen[at].image is None
            assert not self.act(at, self.on_image(at, images.delete, ADMIN))
            self.ids[at] = self.example.image(0)
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

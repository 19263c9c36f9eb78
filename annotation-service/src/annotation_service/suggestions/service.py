"""Asking models about images, who sees what they say, and telling inference-service what doctors have found."""

from collections.abc import Sequence
from typing import Final

import structlog

from annotation_service.clients.inference import LabelRefused, PictureRefused, Predictions, TruthToTell
from annotation_service.images import repository as images
from annotation_service.suggestions import repository
from annotation_service.suggestions.errors import SuggestionsHidden
from annotation_service.suggestions.models import Suggestion
from annotation_service.workflow.errors import NoSuchImage
from annotation_service.workflow.states import JobState
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.storage.blobs import Blobs

TELLING_SECONDS: Final = 5.0
"""The pause between two looks for labels that inference-service has not been told."""
LABELS_AT_ONCE: Final = 100

log = structlog.get_logger()


class Suggestions:
    """Asks models, and keeps what they say. Used by many tasks of one event loop."""

    def __init__(
        self, database: Database, blobs: Blobs, predictions: Predictions, *, batch: int = LABELS_AT_ONCE
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._predictions = predictions
        self._batch = batch

    async def suggest(self, image_id: int, model: str, account_id: int) -> tuple[Suggestion, bool]:
        """What a model (name, or name/version) says about an image, and whether it was asked for it now.

        A version of a model is asked once. Raises `NoSuchImage`, `InvalidRequest` if there is no such model or it can't
        read the picture, and `Unavailable`.
        """
        async with self._database.reading() as session:
            found = await images.find(session, image_id)
        if found is None:
            raise NoSuchImage
        identity = await self._predictions.newest_version(model)
        if identity is None:
            raise InvalidRequest.of(
                "model", Sentence("no-such-model", "There is no such model; /api/models lists them.")
            )
        name, _, version = identity.partition("/")
        picture = found[1]
        async with self._database.reading() as session:
            known = await repository.find(session, image_id, name, int(version))
            if known is not None:
                return known, False
            data = await self._blobs.get(session, picture.sha256)
        try:
            said = await self._predictions.predict(identity, data, picture.media_type, account_id=account_id)
        except PictureRefused as error:
            raise InvalidRequest.of("image", Sentence("unreadable-picture", str(error))) from error
        values = {
            "image_id": image_id,
            "model_name": name,
            "model_version": int(version),
            "picture_sha256": picture.sha256,
            "scores": said.scores,
            "thresholds": said.thresholds,
            "prediction_id": said.id,
            "created_by": account_id,
        }
        async with self._database.writing() as session:
            exists, label_id = await repository.lock_ground_truth(session, image_id)
            if not exists:
                raise NoSuchImage
            added = await repository.add(session, {**values, "label_id": label_id})
        if added is not None:
            return added, True
        async with self._database.reading() as session:  # another request was faster
            known = await repository.find(session, image_id, name, int(version))
        if known is None:
            raise NoSuchImage
        return known, False

    async def tell_truths(self) -> None:
        """Tell inference-service the labels of images that are done, for the predictions behind their suggestions.

        Raises `Unavailable` if it does not answer; what it was not told remains for the next time.
        """
        after = 0
        while True:
            async with self._database.reading() as session:
                batch = await repository.untold(session, after=after, limit=self._batch)
            for each in batch:
                truth = TruthToTell(
                    fields=each.fields, scheme=each.scheme, source_id=each.label_id, labelled_at=each.labelled_at
                )
                after = each.suggestion_id
                is_there = True
                try:
                    await self._predictions.tell_truth(each.prediction_id, truth)
                except LabelRefused as error:
                    log.error("a label is refused", label=each.label_id, error=str(error))  # noqa: TRY400 - no traceback
                    continue
                except NotFound:
                    is_there = False
                    log.warning("a prediction is gone", prediction=each.prediction_id)
                async with self._database.writing() as session:
                    await repository.mark_told(session, each.suggestion_id, each.label_id, written=is_there)
            if len(batch) < self._batch:
                return


async def visible(session: ReadSession, image_id: int, caller: Principal) -> Sequence[Suggestion]:
    """The suggestions for an image that the caller may see: administrators all, doctors with a job for the image those
    of an image that shows them, or once their own job is finished. Raises `NoSuchImage` and `SuggestionsHidden`."""
    found = await images.find(session, image_id)
    if caller.authority is Authority.ADMIN:
        if found is None:
            raise NoSuchImage
        return await repository.of_image(session, image_id)
    job = None if found is None else await repository.find_job(session, image_id, caller.account)
    if found is None or job is None or not (found[0].shows_suggestions or job.state == JobState.FINISHED):
        raise SuggestionsHidden
    return await repository.of_image(session, image_id)

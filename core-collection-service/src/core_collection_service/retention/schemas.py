"""Rules of retention on the wire."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from core_collection_service.pictures.schemas import PictureBody
from core_collection_service.retention.repository import Rule
from core_collection_service.retention.rules import MOST_DAYS, Holding, Preview, days_of, rule_of_days
from lightbox_shared.responses.pagination import Page


class RetentionLimits(BaseModel):
    """How long pictures are kept, and how many bytes of a device. A picture goes when either limit says so; without any
    limit everything is kept for ever. Limits are whole numbers of JSON: what only could be read as one, such as `true`,
    is refused, since pictures would be deleted by it."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        json_schema_extra={"examples": [{"days": 30, "bytes": 10_000_000_000}]},
    )

    days: Annotated[int, Field(strict=True, ge=1, le=MOST_DAYS)] | None
    """Counted from when a picture was received, since a device's clock may be wrong; null for no limit."""
    bytes: Annotated[int, Field(strict=True, ge=1, lt=2**63)] | None
    """Of each device, as it sent them; the newest pictures are kept, and the newest one of all however large it is.
    Null for no limit."""

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """The limits of a rule."""
        return cls(days=days_of(rule), bytes=rule.max_bytes)

    def rule(self, collection: str, device_id: str) -> Rule:
        """The rule of a device that has these limits."""
        return rule_of_days(collection, device_id, self.days, self.bytes)


class RetentionBody(BaseModel):
    """What is kept of a device: as `rule` says, or, if that is null, as `default` says."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    collection: str
    deviceId: str | None  # noqa: N815 - the names of the wire
    """Null for all devices of the collection that have no rule of their own."""
    rule: RetentionLimits | None
    """Its own rule; null if there is none."""
    default: RetentionLimits | None
    """The rule for all devices of the collection that have none of their own; null if there is none."""
    anonymousDays: int | None  # noqa: N815
    """If there is neither: pictures that were sent without a credential are deleted after so many days, and the others
    kept for ever. Null if those are kept for ever, too."""

    @classmethod
    def of(cls, holding: Holding) -> Self:
        """From what holds."""
        return cls(
            collection=holding.collection,
            deviceId=holding.device_id or None,
            rule=None if holding.rule is None else RetentionLimits.of(holding.rule),
            default=None if holding.default is None else RetentionLimits.of(holding.default),
            anonymousDays=holding.anonymous_days or None,
        )


class RetentionRuleBody(RetentionLimits):
    """A rule, and what it is about."""

    model_config = ConfigDict(json_schema_extra=None)

    collection: str
    deviceId: str | None  # noqa: N815
    """Null for all devices of the collection that have no rule of their own."""


class RetentionRulePage(BaseModel):
    """Rules, and the cursor of the next page; null on the last page."""

    rules: list[RetentionRuleBody]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Rule]) -> Self:
        """From rows."""
        rules = [
            RetentionRuleBody(
                collection=each.collection,
                deviceId=each.device_id or None,
                days=days_of(each),
                bytes=each.max_bytes,
            )
            for each in page.rows
        ]
        return cls(rules=rules, next_cursor=page.next_cursor)


class TriedRetention(BaseModel):
    """A rule that is to be tried."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        json_schema_extra={"examples": [{"rule": {"days": 30, "bytes": None}}, {"rule": None}]},
    )

    rule: RetentionLimits | None
    """Null to see what would be deleted if the rule that is there was taken away."""


class RetentionPreview(BaseModel):
    """Pictures that would be deleted at this moment."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    devices: int
    """How many devices they are of."""
    pictures: int
    bytes: int
    """As they were sent."""
    oldest: PictureBody | None
    """The one with the oldest timestamp."""
    complete: bool
    """False if there was no time to count the pictures of all devices: it may be more."""

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """From what was counted."""
        return cls(
            devices=preview.devices,
            pictures=preview.pictures,
            bytes=preview.size,
            oldest=None if preview.oldest is None else PictureBody.of(preview.oldest),
            complete=preview.is_complete,
        )

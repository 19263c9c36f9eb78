"""Who may see the gallery."""

from dataclasses import dataclass
from enum import StrEnum

from lightbox_shared.errors import NotFound


class Visibility(StrEnum):
    """Who may see the gallery, administrators aside."""

    PUBLIC = "public"
    """Visitors without an account too."""
    ACCOUNTS = "accounts"
    """Every account that is signed in."""
    APPROVED = "approved"
    """Accounts that an administrator has approved."""


@dataclass(frozen=True, slots=True)
class GalleryVisitor:
    """Somebody who may see the gallery, or some groups of it."""

    groups: frozenset[int] | None = None
    """The numbers of the groups that the visitor may see; None for all."""
    key: str | None = None
    """The key of the share by which the visitor sees them, which addresses of pictures have to carry."""

    def may_see(self, group_id: int) -> bool:
        """Whether the visitor may see this group."""
        return self.groups is None or group_id in self.groups

    def check_may_see(self, group_id: int) -> None:
        """Raise `NotFound` if the visitor may not see this group."""
        if not self.may_see(group_id):
            raise NotFound

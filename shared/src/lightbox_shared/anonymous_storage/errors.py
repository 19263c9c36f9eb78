"""Why something is not stored for a stranger: a client without a credential, or an account that waits for approval."""

from typing import Final

from lightbox_shared.errors import InsufficientStorage, TooLarge, TooManyRequests
from lightbox_shared.openapi import errors


class DailyQuotaReached(TooManyRequests):
    """The address has stored as much as it may in a day."""

    code = "anonymous-quota-reached"
    verbatim = True


class AnonymousStorageFull(InsufficientStorage):
    """All strangers together have stored as much as they may."""

    code = "anonymous-storage-full"
    default_detail = "There is no room for pictures without an approved account at the moment. Please try later."
    verbatim = True


class LargerThanTheQuota(TooLarge):
    """The picture alone is more than an address may store in a day."""

    code = "larger-than-the-quota"
    verbatim = True


QUOTA_REFUSALS: Final = (DailyQuotaReached, AnonymousStorageFull, LargerThanTheQuota)
QUOTA_ERRORS: Final = errors(*QUOTA_REFUSALS)
"""For `responses` of an endpoint that stores something for strangers."""

"""What an e-mail address may be (RFC 5321, 5322, 6531): one that could be of this laboratory alone, such as
`ada@scanner.local`, is as good as any. Whether mail arrives there is not asked."""

from typing import Final

import email_validator

MAX_EMAIL_LENGTH: Final = 254
INVALID_EMAIL: Final = "Enter a valid email address."

# The library's own way to allow names that the public DNS does not have (.local, .test, .internal).
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def clean_email(text: str) -> str | None:
    """The address in its normal form; None for one that is none."""
    if len(text) > MAX_EMAIL_LENGTH:
        return None
    try:
        found = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError:
        return None
    return found.normalized

"""Who may not ask models, or see what they say."""

from lightbox_shared.errors import Forbidden


class SuggestingNeedsAdministrator(Forbidden):
    """Only administrators ask models."""

    code = "suggesting-needs-administrator"
    default_detail = "Only administrators ask models about an image."


class SuggestionsHidden(Forbidden):
    """A doctor reads the image without knowing what models say about it, or does not read it at all."""

    code = "suggestions-hidden"
    default_detail = "You do not see what models say about this image, or not yet."

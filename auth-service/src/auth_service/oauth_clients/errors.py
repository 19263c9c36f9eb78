"""What can go wrong with the registration of OAuth clients."""

from lightbox_shared.errors import Conflict


class ClientIdTaken(Conflict):
    """Another client has this id."""

    code = "client-id-taken"
    default_detail = "This client_id is taken, or reserved."


class ClientIsPublic(Conflict):
    """A public client has no secret."""

    code = "client-is-public"
    default_detail = "This client is a public one: it has no secret."

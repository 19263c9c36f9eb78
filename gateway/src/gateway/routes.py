"""The routes of the platform, in `TABLE`: the service of each path, who may call it, and its limits.

The longest prefix of whole path segments wins. Rows of one prefix are tried in order, and a row that names methods is
for those alone. A path without a row is 404, for instance `/internal/**`, by which services call each other. A slash at
the end of a path makes no difference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, DetailList, Dialect, ErrorMember, FieldMap, ProblemDetails
from lightbox_shared.requests.file_sizes import KB, MB, FileSizes

STATUSES_DOCUMENTED: Final = frozenset({400, 401, 403})


class Access(Enum):
    """Who may call. On public paths credentials are not checked. On optional paths they may be missing, not invalid."""

    PUBLIC = "public"
    OPTIONAL = "optional"
    REQUIRED = "required"
    ADMIN = "admin"


class Rate(Enum):
    """The class of a rate limit. The limits are settings (`LIGHTBOX_RATE_...`)."""

    SIGN_IN = "sign-in"
    """Requests that have a password hashed, without authentication."""
    OPEN = "open"
    """Requests that have a model run, without authentication."""
    UPLOAD = "upload"
    READ = "read"


class BodyKind(Enum):
    """The kind of a body whose largest size follows from the settings for files
    (`lightbox_shared.requests.file_sizes`)."""

    FILE = "a form with one file"
    FILES = "a form with several files"
    DOCUMENT = "a document with a file inside"

    def largest(self, sizes: FileSizes) -> int:
        """Bytes of the largest one."""
        match self:
            case BodyKind.FILE:
                return sizes.form
            case BodyKind.FILES:
                return sizes.form_of_several
            case BodyKind.DOCUMENT:
                return max(sizes.json_document, sizes.cbor_document)


@dataclass(frozen=True, slots=True)
class RouteDialect:
    """The forms of the gateway's own errors on a route."""

    documented: Dialect = PROBLEM_DETAILS
    """Of 400, 401 and 403, which the systems document."""
    others: ProblemDetails = PROBLEM_DETAILS
    """Of all other statuses (404, 405, 413, 429, 502, 503, 504 and so on), which are problem details (RFC 9457)."""

    def of(self, status: int) -> Dialect:
        """The form of an error with this status."""
        return self.documented if status in STATUSES_DOCUMENTED else self.others


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    prefix: str
    service: str
    access: Access
    rate: Rate = Rate.READ
    max_body: int | BodyKind = 64 * 1024
    """The maximum of a request's body in bytes, or what decides it. A larger body is answered 413."""
    timeout: float = 30.0
    """How many seconds the service may be silent, before its answer (then 504) and within it."""
    dialect: RouteDialect = RouteDialect()
    methods: frozenset[str] = field(default_factory=frozenset)
    """The methods of this row. If it is empty, all methods are forwarded, and the service refuses those it lacks."""
    scopes: frozenset[Scope] = frozenset()
    """Tokens and API keys that are limited to scopes need one of these. If it is empty, they are refused. For GET and
    HEAD on a row that has scopes, `Scope.READ` is enough too."""
    signs_in: bool = False
    """Whether the answer may set the session cookie. If so, requests from other sites are refused (login CSRF)."""
    page: bool = False
    """Whether people open it in a browser. Only the session cookie is a credential there, a cookie that is not good any
    more counts as none, and whatever is not GET or HEAD has to come from our own pages, also without a cookie."""
    changes_by_get: bool = False
    """Whether GET changes something, as an old system has it. HEAD is refused, `Scope.READ` is not enough, and with the
    session cookie alone only scripts of trusted pages may call."""
    authenticates_clients: bool = False
    """Whether the service itself authenticates OAuth clients here, so that its answer 401 is a wrong secret."""
    exact: bool = False
    """Whether the row is for this path only, and not for paths below it."""
    any_scope: bool = False
    """Whether tokens of every scope may call, since the service looks at the scope itself."""
    public_reads: bool = False
    """Whether the service may let pages of any origin read its answers without credentials. They read the errors of GET
    and HEAD too (`gateway.cors`)."""

    def largest_body(self, sizes: FileSizes) -> int:
        """The maximum of a request's body in bytes, where files may have these sizes."""
        return self.max_body.largest(sizes) if isinstance(self.max_body, BodyKind) else self.max_body


GATEWAY: Final = "gateway"
AUTH: Final = "auth-service"
INFERENCE: Final = "inference-service"
IMAGEHUB: Final = "imagehub-service"
ANNOTATION: Final = "annotation-service"
CORE: Final = "core-collection-service"

PUBLIC, OPTIONAL, REQUIRED, ADMIN = Access.PUBLIC, Access.OPTIONAL, Access.REQUIRED, Access.ADMIN
SIGN_IN, OPEN, UPLOAD, READ = Rate.SIGN_IN, Rate.OPEN, Rate.UPLOAD, Rate.READ
GET: Final = frozenset({"GET", "HEAD"})
POST: Final = frozenset({"POST"})
PUT: Final = frozenset({"PUT"})
DELETE: Final = frozenset({"DELETE"})

PREDICT: Final = frozenset({Scope.PREDICT})
COLLECT: Final = frozenset({Scope.COLLECT})
ANNOTATE: Final = frozenset({Scope.ANNOTATE})
HUB: Final = frozenset({Scope.HUB})
LOOK: Final = frozenset({Scope.READ})
ANY: Final = frozenset(Scope)

FORM: Final = 64 * KB
FILE, FILES, DOCUMENT = BodyKind.FILE, BodyKind.FILES, BodyKind.DOCUMENT
CHUNK: Final = 64 * MB  # an upload session's chunk; Microsoft Graph takes at most 60 MiB

CHEXRAY: Final = RouteDialect(FieldMap("Token"))
COVID19: Final = RouteDialect(ErrorMember())
IMAGEHUB_SHAPE: Final = RouteDialect(DetailList())
# TheYelda's clients read `message` of every error, and throw where it is missing.
WITH_MESSAGE: Final = ProblemDetails(sentence_member="message")
YELDA: Final = RouteDialect(
    ErrorMember({400: "请求非法", 401: "用户未登录", 403: "用户没有权限"}, member="message", detail="detail"),
    WITH_MESSAGE,
)
BESIDE_YELDA: Final = RouteDialect(WITH_MESSAGE, WITH_MESSAGE)
"""Of paths that the system does not document, and its clients may call."""

# TheYelda's resources, which are the same at the root and under `/api`.
_YELDA_ROWS: Final[tuple[Route, ...]] = (
    Route("/authorization", AUTH, PUBLIC, SIGN_IN, FORM, dialect=YELDA, methods=POST, signs_in=True),
    Route("/authorization", AUTH, REQUIRED, READ, FORM, dialect=YELDA, methods=DELETE),
    Route("/authorization", AUTH, OPTIONAL, READ, FORM, dialect=YELDA),
    Route("/self", AUTH, REQUIRED, READ, FORM, dialect=YELDA, scopes=ANY),
    Route("/Self", AUTH, REQUIRED, READ, FORM, dialect=YELDA, scopes=ANY),
    Route("/accounts", AUTH, OPTIONAL, SIGN_IN, FORM, dialect=YELDA, methods=POST),  # self-registration
    Route("/accounts", AUTH, REQUIRED, READ, FORM, dialect=YELDA),
    Route("/accounts/performance", ANNOTATION, REQUIRED, READ, FORM, dialect=YELDA, scopes=ANNOTATE),
    Route("/jobs", ANNOTATION, REQUIRED, READ, 1 * MB, dialect=YELDA, scopes=ANNOTATE),
    Route("/images", ANNOTATION, REQUIRED, READ, 1 * MB, dialect=YELDA, scopes=ANNOTATE),
    Route("/labels", ANNOTATION, REQUIRED, READ, 1 * MB, dialect=YELDA, scopes=ANNOTATE),
    Route("/label", ANNOTATION, REQUIRED, READ, 1 * MB, dialect=YELDA, scopes=ANNOTATE),
    Route("/uploads", ANNOTATION, REQUIRED, UPLOAD, FILES, 60, YELDA, scopes=ANNOTATE),
    Route("/download", ANNOTATION, ADMIN, READ, FORM, 120, YELDA, scopes=ANNOTATE),
)


def _at_both_prefixes(rows: Iterable[Route]) -> Iterator[Route]:
    for row in rows:
        yield row
        yield replace(row, prefix=f"/api{row.prefix}")


# ImageHub's client changes its drive by GET.
_CHANGING_BY_GET: Final = tuple(
    Route(f"/admin/onedrive/{name}", IMAGEHUB, ADMIN, READ, FORM, 300, IMAGEHUB_SHAPE, scopes=HUB, changes_by_get=True)
    for name in ("add-folder", "rename", "delete-folder", "upload-session")
)

TABLE: Final[tuple[Route, ...]] = (
    # --- the gateway itself
    Route("/healthz", GATEWAY, PUBLIC, exact=True),
    Route("/readyz", GATEWAY, PUBLIC, exact=True),
    Route("/metrics", GATEWAY, ADMIN, exact=True, scopes=LOOK),
    Route("/openapi.json", GATEWAY, PUBLIC, exact=True),
    Route("/docs", GATEWAY, PUBLIC),
    Route("/console", GATEWAY, PUBLIC),
    Route("/favicon.ico", GATEWAY, PUBLIC, exact=True),
    # --- accounts and sessions
    Route("/.well-known/jwks.json", AUTH, PUBLIC, exact=True),
    Route("/api/sessions", AUTH, REQUIRED),
    Route("/api/keys", AUTH, REQUIRED),
    Route("/api/audit", AUTH, ADMIN),
    Route("/api/passkeys", AUTH, REQUIRED),
    Route("/api/passkeys/sign-in", AUTH, PUBLIC, SIGN_IN, signs_in=True),
    Route("/.well-known/oauth-authorization-server", AUTH, PUBLIC, exact=True),
    Route("/.well-known/openid-configuration", AUTH, PUBLIC, exact=True),
    Route("/api/oauth/clients", AUTH, ADMIN),
    Route("/api/oauth/consents", AUTH, REQUIRED),
    Route("/oauth/authorize", AUTH, OPTIONAL, methods=GET, page=True),
    Route("/oauth/authorize", AUTH, PUBLIC),  # POST is redirected to GET
    Route("/oauth/sign-in", AUTH, OPTIONAL, SIGN_IN, FORM, page=True),
    Route("/oauth/consent", AUTH, OPTIONAL, page=True),
    Route("/oauth/logout", AUTH, OPTIONAL, methods=GET, page=True),
    Route("/oauth/logout", AUTH, PUBLIC),  # POST is redirected to GET
    Route("/oauth/sign-out", AUTH, OPTIONAL, page=True),
    Route("/oauth/static", AUTH, PUBLIC),
    Route("/oauth/userinfo", AUTH, REQUIRED, any_scope=True),
    Route("/oauth/token", AUTH, PUBLIC, SIGN_IN, authenticates_clients=True),
    Route("/oauth/revoke", AUTH, PUBLIC, authenticates_clients=True),
    Route("/oauth/introspect", AUTH, PUBLIC, authenticates_clients=True),
    # --- CheXRay: chest findings
    Route("/api/chexray/signup", AUTH, PUBLIC, SIGN_IN, FORM, dialect=CHEXRAY),
    Route("/api/chexray/login", AUTH, PUBLIC, SIGN_IN, FORM, dialect=CHEXRAY),
    Route("/api/chexray/user", INFERENCE, REQUIRED, READ, FORM, dialect=CHEXRAY, scopes=PREDICT),
    Route("/api/chexray/xray", INFERENCE, REQUIRED, READ, FORM, dialect=CHEXRAY, scopes=PREDICT),
    Route("/api/chexray/upload", INFERENCE, REQUIRED, UPLOAD, FILE, 60, CHEXRAY, scopes=PREDICT),
    Route("/api/chexray/anonupload", INFERENCE, PUBLIC, OPEN, FILE, 60, CHEXRAY),
    Route("/api/chexray/media", INFERENCE, PUBLIC, READ, FORM, dialect=CHEXRAY),
    # --- COVID-19
    Route("/alive", INFERENCE, PUBLIC, READ, FORM, dialect=COVID19),
    Route("/predict", INFERENCE, PUBLIC, OPEN, FILE, 60, COVID19),
    # --- predictions and models
    Route("/api/predictions", INFERENCE, REQUIRED, UPLOAD, FILE, 60, methods=POST, scopes=PREDICT),
    Route("/api/predictions", INFERENCE, REQUIRED, scopes=PREDICT),
    Route("/api/models", INFERENCE, PUBLIC),
    Route("/api/models/queue", INFERENCE, ADMIN, methods=GET, exact=True, scopes=LOOK),
    # --- ImageHub: the gallery
    Route("/login", AUTH, PUBLIC, SIGN_IN, FORM, dialect=IMAGEHUB_SHAPE),
    Route("/auth", AUTH, REQUIRED, READ, FORM, dialect=IMAGEHUB_SHAPE, scopes=ANY),
    Route("/admin", IMAGEHUB, ADMIN, READ, 2 * MB, 300, IMAGEHUB_SHAPE, scopes=HUB),
    *_CHANGING_BY_GET,
    # A setting of the service decides whether visitors have to sign in.
    Route("/image", IMAGEHUB, OPTIONAL, READ, FORM, 60, IMAGEHUB_SHAPE, scopes=HUB, public_reads=True),
    # The address is the credential.
    Route("/image/upload-sessions", IMAGEHUB, PUBLIC, UPLOAD, CHUNK, 120, IMAGEHUB_SHAPE),
    # The same, of links that are shared. Sending the password of one has it hashed.
    Route("/image/shared", IMAGEHUB, PUBLIC, SIGN_IN, FORM, dialect=IMAGEHUB_SHAPE, methods=POST),
    Route("/image/shared", IMAGEHUB, PUBLIC, READ, FORM, dialect=IMAGEHUB_SHAPE),
    Route("/iiif", IMAGEHUB, OPTIONAL, READ, FORM, 60, scopes=HUB, public_reads=True),
    Route("/api/gallery", IMAGEHUB, ADMIN, READ, 1 * MB, 60, scopes=HUB),
    # --- CoRE: the collection that devices send to
    Route("/.well-known/core", CORE, PUBLIC, exact=True),
    # A setting of the service decides whether devices and readers have to authenticate.
    Route("/collections", CORE, OPTIONAL, UPLOAD, DOCUMENT, 60, methods=POST, scopes=COLLECT),
    Route(
        "/collections", CORE, ADMIN, methods=DELETE
    ),  # without scopes: a device that sends pictures must not delete any
    Route("/collections", CORE, OPTIONAL, scopes=COLLECT),
    # Rules of retention; who may read the pictures of a device sees what holds for it.
    Route("/api/devices/retention", CORE, OPTIONAL, methods=GET, exact=True, scopes=COLLECT),
    Route("/api/devices", CORE, ADMIN),
    # --- TheYelda: the doctors who label
    Route("/", ANNOTATION, PUBLIC, dialect=YELDA, exact=True),
    *_at_both_prefixes(_YELDA_ROWS),
    Route("/api/assignments", ANNOTATION, REQUIRED, READ, 1 * MB, 120, BESIDE_YELDA, scopes=ANNOTATE),
    Route("/api/agreement", ANNOTATION, REQUIRED, READ, FORM, 120, BESIDE_YELDA, scopes=ANNOTATE),
    Route("/api/exports", ANNOTATION, ADMIN, dialect=BESIDE_YELDA, scopes=ANNOTATE),
    Route("/api/schemes", ANNOTATION, REQUIRED, READ, 256 * KB, dialect=BESIDE_YELDA, scopes=ANNOTATE),
)


class Routes:
    """Finds the route of a path, by a dictionary of prefixes that is tried from the longest to the shortest."""

    def __init__(self, table: Iterable[Route] = TABLE) -> None:
        self._by_prefix: dict[str, tuple[Route, ...]] = {}
        for route in table:
            self._by_prefix[route.prefix] = (*self._by_prefix.get(route.prefix, ()), route)
        self._depth = max(prefix.count("/") for prefix in self._by_prefix)

    def find(self, path: str, method: str) -> Route | None:
        """Return the route of a percent-decoded path, or None. A slash at the end makes no difference."""
        whole = path[:-1] if len(path) > 1 and path[-1] == "/" else path
        prefix = whole
        surplus = prefix.count("/") - self._depth
        if surplus > 0:
            prefix = prefix.rsplit("/", surplus)[0]
        while prefix:
            for route in self._by_prefix.get(prefix, ()):
                if (not route.methods or method in route.methods) and (not route.exact or prefix == whole):
                    return route
            prefix = prefix[: prefix.rfind("/")]
        return None

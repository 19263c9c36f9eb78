"""Pages: of children, and of changes."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from graph_server.drive import Drive, Item
from graph_server.errors import GraphFault
from graph_server.state import Enumeration, GraphState, Json, secret

TOKEN: Final = "token"
SKIP: Final = "$skiptoken"
KEPT: Final = frozenset({"$select", "$top"})


def start_delta(state: GraphState, request: Request, item: Item, *, drive: Drive, token: str | None) -> Response:
    """Pages of changes: all items without a token, none with `token=latest`, else what changed since the deltaLink.
    Raises 410 for a token that is not known any more."""
    if token and token != "latest" and token not in state.enumerations:
        raise GraphFault(
            410,
            "resyncRequired",
            "Resync required.",
            inner="resyncChangesApplyDifferences",
            headers={"Location": _link(request, TOKEN, "")},
        )
    if not token:
        ids = [each.id for each in drive.below(item)]
        return next_page(state, request, Enumeration(drive, ids, 0, drive.sequence, is_full=True, query=_kept(request)))
    if token == "latest":
        return next_page(state, request, Enumeration(drive, [], 0, drive.sequence, is_full=True, query=_kept(request)))
    known = state.enumerations[token]
    if known.offset >= 0:
        return next_page(state, request, token)
    changed = sorted((number, each) for each, number in drive.changes.items() if number > known.sequence)
    ids = [each for _, each in changed]
    return next_page(state, request, Enumeration(drive, ids, 0, drive.sequence, is_full=False, query=known.query))


def next_page(state: GraphState, request: Request, where: Enumeration | str) -> Response:
    """A page, which ends with a link to the next one, or with a deltaLink."""
    if isinstance(where, str):
        if where not in state.enumerations:
            raise GraphFault(400, "invalidRequest", "The skip token is not valid.")
        where = state.enumerations[where]
    is_delta = "delta" in request.url.path.rpartition("/")[2]
    asked = where.query.get("$top", "")
    size = min(int(asked) if asked.isdigit() and int(asked) else state.page_size, state.page_size)
    ids = where.ids[where.offset : where.offset + size]
    body: Json = {
        "@odata.context": "metadata#Collection(driveItem)",
        "value": _items(state, where, ids, is_delta=is_delta),
    }
    offset = where.offset + size
    if offset < len(where.ids):
        token = _keep(state, where, offset)
        body["@odata.nextLink"] = _link(request, TOKEN if is_delta else SKIP, token)
    elif is_delta:
        body["@odata.deltaLink"] = _link(request, TOKEN, _keep(state, where, -1))
    return JSONResponse(body)


def _items(state: GraphState, where: Enumeration, ids: Sequence[str], *, is_delta: bool) -> list[Json]:
    drive, found = where.drive, []
    for each in ids:
        item = drive.items.get(each)
        if item is not None:
            found.append(drive.render(item, with_path=not is_delta))
        elif is_delta and not where.is_full:
            found.append(drive.render_gone(each))
    if is_delta and state.repeats_in_delta:
        older = [{**each, "name": f"older {each['name']}", "size": 0} for each in found if "deleted" not in each]
        found = [*older, *found]
    if "thumbnails" in where.query.get("$expand", ""):
        found = [{**each, "thumbnails": []} for each in found]
    return found


def _keep(state: GraphState, where: Enumeration, offset: int) -> str:
    token = secret()
    state.enumerations[token] = Enumeration(
        where.drive, where.ids, offset, where.sequence, is_full=where.is_full, query=where.query
    )
    return token


def _link(request: Request, parameter: str, token: str) -> str:
    path, _, last = request.scope["raw_path"].decode().rpartition("/")
    return f"{request.url.scheme}://{request.url.netloc}{path}/{last.partition('(')[0]}?{parameter}={token}"


def _kept(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if name in KEPT}

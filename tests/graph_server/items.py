"""Drive and items: reading, listing, changing, and where bytes are fetched and sent."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from graph_server.addresses import Address
from graph_server.delta import TOKEN, next_page, start_delta
from graph_server.drive import Drive, timestamp
from graph_server.errors import GraphFault
from graph_server.state import CONTENT_HOST, Enumeration, GraphState, Json, Upload, secret

CONFLICT: Final = "@microsoft.graph.conflictBehavior"
MAX_SIMPLE_UPLOAD: Final = 250 * 1024 * 1024

Handler = Callable[[GraphState, Request, Drive, Address], Awaitable[Response]]


async def read_drive(_state: GraphState, request: Request, drive: Drive, _address: Address) -> Response:
    return JSONResponse({"@odata.context": f"{graph_base(request)}/$metadata#drives/$entity"} | drive.render_drive())


async def read_item(_state: GraphState, _request: Request, drive: Drive, address: Address) -> Response:
    return JSONResponse(drive.render(address.existing()))


async def list_children(state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    if (token := query(request).get("$skiptoken")) is not None:
        return next_page(state, request, token)
    ids = [each.id for each in drive.children(address.existing())]
    pages = Enumeration(drive, ids, 0, drive.sequence, is_full=True, query=query(request))
    return next_page(state, request, pages)


async def create_child(_state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    body = await read_json(request)
    if not isinstance(body.get("folder"), dict):
        raise GraphFault(400, "invalidRequest", "Exactly one facet is needed.")
    name = body.get("name")
    if not isinstance(name, str):
        raise GraphFault(400, "invalidRequest", "The name is missing.")
    conflict = str(body.get(CONFLICT, "fail"))
    return JSONResponse(drive.render(drive.add_folder(name, address.existing(), conflict=conflict)), 201)


async def change_item(_state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    item, body = address.existing(), await read_json(request)
    check_match(drive, request, address)
    if (name := body.get("name")) is not None:
        drive.rename(item, name)
    if (reference := body.get("parentReference")) is not None:
        drive.move(item, drive.item(str(reference.get("id"))))
    return JSONResponse(drive.render(item))


async def delete_item(_state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    item = address.existing()
    check_match(drive, request, address)
    drive.delete(item)
    return Response(status_code=204)


async def read_content(state: GraphState, request: Request, _drive: Drive, address: Address) -> Response:
    item = address.existing()
    if item.is_folder:
        raise GraphFault(400, "invalidRequest", "A folder has no content.")
    token = secret()
    state.downloads[token] = item
    return Response(status_code=302, headers={"Location": f"{content_base(request)}/download/{token}"})


async def put_content(_state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    content = await request.body()
    if len(content) > MAX_SIMPLE_UPLOAD:
        raise GraphFault(413, "invalidRequest", "The file is too large for this.")
    if address.parent is None:
        item = address.existing()
        parent, name = drive.item(item.parent_id or ""), item.name
    else:
        parent, name = address.parent, address.name
    item, is_new = drive.put_file(name, content, parent, conflict=query(request).get(CONFLICT, "replace"))
    return JSONResponse(drive.render(item), 201 if is_new else 200)


async def create_upload_session(state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    body = await read_json(request)
    item = body.get("item") or {}
    if int(item.get("fileSize") or 0) + drive.used() > drive.total:
        raise GraphFault(507, "quotaLimitReached", "Insufficient space.")
    if address.parent is None:
        existing = address.existing()
        parent, name, conflict = drive.item(existing.parent_id or ""), existing.name, "replace"
    else:
        parent, name, conflict = address.parent, address.name, "fail"
    end = timestamp(datetime.now(UTC) + timedelta(seconds=state.upload_seconds))
    token = secret()
    state.uploads[token] = Upload(
        drive, parent, name, str(item.get(CONFLICT, conflict)), bool(body.get("deferCommit")), end
    )
    url = f"{content_base(request)}/up/{token}"
    return JSONResponse({"uploadUrl": url, "expirationDateTime": end, "nextExpectedRanges": ["0-"]})


async def list_thumbnails(state: GraphState, request: Request, _drive: Drive, address: Address) -> Response:
    item = address.existing()
    if not item.name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp")):
        return JSONResponse({"value": []})
    sizes = {}
    for name, (height, width) in {"small": (64, 96), "medium": (117, 176), "large": (533, 800)}.items():
        state.downloads[token := secret()] = item
        sizes[name] = {"height": height, "width": width, "url": f"{content_base(request)}/download/{token}"}
    return JSONResponse({"value": [{"id": "0", **sizes}]})


async def read_changes(state: GraphState, request: Request, drive: Drive, address: Address) -> Response:
    token = address.argument or request.query_params.get(TOKEN)
    return start_delta(state, request, address.existing(), drive=drive, token=token)


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", "drive"): read_drive,
    ("GET", ""): read_item,
    ("PATCH", ""): change_item,
    ("DELETE", ""): delete_item,
    ("GET", "children"): list_children,
    ("POST", "children"): create_child,
    ("GET", "content"): read_content,
    ("PUT", "content"): put_content,
    ("POST", "createUploadSession"): create_upload_session,
    ("GET", "thumbnails"): list_thumbnails,
    ("GET", "delta"): read_changes,
}


def query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


def graph_base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/v1.0"


def content_base(request: Request) -> str:
    """Bytes are on another host, which takes no token."""
    return f"{request.url.scheme}://{CONTENT_HOST}:{request.url.port}"


def check_match(drive: Drive, request: Request, address: Address) -> None:
    wanted = request.headers.get("if-match")
    if wanted not in {None, "*", drive.render(address.existing())["eTag"]}:
        raise GraphFault(412, "resourceModified", "ETag does not match current item's value")


async def read_json(request: Request) -> Json:
    """The body as an object; none is an empty one."""
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise GraphFault(400, "BadRequest", "Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise GraphFault(400, "BadRequest", "Unable to read JSON request payload.")
    return body

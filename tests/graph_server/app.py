"""The application: the identity platform, Graph and the host with the bytes, told apart by paths and host names."""

import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, RedirectResponse

from graph_server.addresses import parse_address
from graph_server.content import content_router
from graph_server.drive import Drive
from graph_server.errors import GraphFault, TokenFault, graph_error, token_error
from graph_server.items import HANDLERS
from graph_server.state import CONTENT_HOST, GraphState

GRAPH = "/v1.0"


def create_app(state: GraphState) -> FastAPI:
    """The application for this state, which a test may change while it runs."""
    app = FastAPI(title="A stand-in for Microsoft Graph", docs_url=None, redoc_url=None, openapi_url=None)

    # Browsers upload to the host with the bytes, and download from it.
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

    @app.middleware("http")
    async def with_faults(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        answer = await state.faults.of(request)
        if answer is None:
            answer = await call_next(request)
        answer.headers["request-id"] = str(uuid.uuid4())
        if (sent := request.headers.get("client-request-id")) is not None:
            answer.headers["client-request-id"] = sent
        return answer

    @app.exception_handler(GraphFault)
    async def on_graph_fault(request: Request, fault: GraphFault) -> Response:
        return graph_error(fault, request.headers.get("client-request-id", ""))

    @app.exception_handler(TokenFault)
    async def on_token_fault(_request: Request, fault: TokenFault) -> Response:
        return token_error(fault)

    @app.get("/{tenant}/oauth2/v2.0/authorize")
    async def authorize(tenant: str, request: Request) -> Response:
        """Nobody is asked: `state.consents` is the answer."""
        sent = dict(request.query_params)
        known = sent.get("client_id") == state.identity.client_id
        if not (tenant and known and sent.get("redirect_uri") == state.identity.redirect_uri and "scope" in sent):
            return Response("AADSTS50011: The request is not the one of a registered application.", 400)
        if sent.get("response_type") != "code" or sent.get("code_challenge_method", "S256") != "S256":
            return Response("AADSTS900144", 400)
        if state.consents:
            back = {"code": state.identity.authorize(sent.get("login_hint", state.user), sent)}
        else:
            back = {"error": "access_denied", "error_description": "The user has denied access."}
        if "state" in sent:
            back["state"] = sent["state"]
        return RedirectResponse(f"{sent['redirect_uri']}?{urlencode(back)}", 302)

    @app.post("/{tenant}/oauth2/v2.0/token")
    async def token(tenant: str, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0]
        if not tenant or media_type != "application/x-www-form-urlencoded":
            raise TokenFault("invalid_request", 900144, "The body must be a form.")
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        return JSONResponse(state.identity.token(form), headers={"Cache-Control": "no-store"})

    app.include_router(content_router(state))

    @app.api_route(GRAPH + "/{_path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def graph(_path: str, request: Request) -> Response:
        if request.url.hostname == CONTENT_HOST:
            raise GraphFault(404, "itemNotFound", "There is no such host.")
        user = state.identity.user_of(request.headers.get("authorization", ""))
        drive = state.drive_of(user)
        raw = request.scope["raw_path"].decode().partition("?")[0].removeprefix(GRAPH)
        address = parse_address(drive, below_drive(drive, raw))
        handler = HANDLERS.get((request.method, address.verb))
        if handler is None:
            raise GraphFault(405, "invalidRequest", "The method is not allowed here.")
        return await handler(state, request, drive, address)

    return app


def below_drive(drive: Drive, path: str) -> str:
    """What follows the drive in a path. Raises 400 and 404."""
    for prefix in ("/me/drive", f"/drives/{drive.id}"):
        if path == prefix or path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix).lstrip("/").rstrip("/")
    if path.startswith("/drives/"):
        raise GraphFault(404, "itemNotFound", "There is no such drive.")
    raise GraphFault(400, "BadRequest", "Resource not found for the segment.")

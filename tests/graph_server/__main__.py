"""`python -m graph_server --port 9000`: the server by itself, with a user whose token is printed."""

import argparse

import uvicorn

from graph_server.app import create_app
from graph_server.state import GraphState


def main() -> None:
    parser = argparse.ArgumentParser(prog="graph_server")
    parser.add_argument("--port", type=int, default=9000)
    arguments = parser.parse_args()
    state = GraphState()
    token = state.identity.issue(state.user, "Files.ReadWrite User.Read offline_access")["access_token"]
    print(f"Authorization: Bearer {token}", flush=True)  # noqa: T201 - for whoever tries the server by hand
    uvicorn.run(create_app(state), host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()

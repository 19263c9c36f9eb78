"""Microsoft's own client finds the Graph server of these tests to be Graph."""

from pathlib import Path

import anyio.to_thread
import pytest
from graph_server.faults import throttled
from support import msgraph
from support.api_tools import run
from support.onedrive import USER, GraphServer

SCENARIO = Path(__file__).with_name("msgraph_scenario.py")


async def test_one_round_through_a_drive(graph: GraphServer, tmp_path: Path) -> None:
    python = msgraph.interpreter()
    if python is None:
        pytest.skip(msgraph.HOW_TO_INSTALL)
    graph.state.page_size = 2
    graph.faults.add(throttled(1), path="/me/drive", times=1)  # the client waits by itself
    token = graph.identity.issue(USER, "Files.ReadWrite")["access_token"]
    command = [python, SCENARIO, f"{graph.url}/v1.0", token]
    said = await anyio.to_thread.run_sync(run, command, tmp_path)
    assert said == "one round through the drive\n"
    assert graph.faults.paths()[:2] == ["/v1.0/me/drive", "/v1.0/me/drive"]
    assert {seen.host for seen in graph.faults.seen if "authorization" in seen.headers} == {"127.0.0.1"}

"""Lists, the batch, devices and events of the collection, as a client of the gateway sees them."""

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import cbor2
import httpx
from support import pictures

IMAGES = "/collections/images"
LINK = '</collections/images>;rt="simple.act";if="core.b"'
SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"
PNG = pictures.png()


def send(http: httpx.Client, device: str, minute: int) -> dict[str, Any]:
    fields = {"deviceId": device, "timestamp": f"2024-08-18T02:{minute:02}:07Z", "imageData": b64encode(PNG).decode()}
    answer = http.post(IMAGES, json=fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_discovery(http: httpx.Client) -> None:
    for path in ("/.well-known/core", "/collections", "/collections/"):
        for query in ("", "?rt=simple.act", "?rt=simple*", "?if=core.b", "?href=/collections/images"):
            answer = http.get(path + query)
            assert (answer.status_code, answer.text) == (200, LINK)
            assert answer.headers["content-type"] == "application/link-format"
        assert http.head(path).headers["content-length"] == str(len(LINK))
    empty = http.get("/.well-known/core?rt=nothing")
    assert (empty.status_code, empty.content) == (200, b"")


def test_a_list_page_by_page(http: httpx.Client) -> None:
    kept = [send(http, "lists", minute) for minute in range(5)]
    query = {"deviceId": "lists", "from": "2024-08-18T02:01:07+00:00", "to": "2024-08-18T02:04:07Z", "limit": "2"}
    first = http.get(IMAGES, params=query)
    assert first.json()["pictures"] == [kept[3], kept[2]]
    second = http.get(first.links["next"]["url"], headers={"Accept": "application/cbor"})
    assert cbor2.loads(second.content) == {"pictures": [kept[1]], "next_cursor": None}
    links = http.get(IMAGES, params=query, headers={"Accept": "application/link-format"}).text
    assert links.startswith(f"<{kept[3]['href']}>;ct=23;sz={len(PNG)};title=")
    assert http.get(IMAGES, params={"deviceId": "lists"}).status_code == 400
    assert http.get(IMAGES, params={"deviceId": "lists", "cursor": "x"}).status_code == 400


def test_the_batch(http: httpx.Client) -> None:
    send(http, "batch", 1)
    newest = send(http, "batch", 2)
    query: dict[str, str | int] = {"deviceId": "batch"}
    records = http.get(IMAGES, params=query, headers={"Accept": SENML_JSON}).json()
    found = {record["n"].rpartition("/")[2]: record.get("vs", record.get("v")) for record in records}
    assert found["href"] == newest["href"]
    assert (found["device"], found["size"], found["pictures"]) == ("batch", len(PNG), 1)
    with_data = http.get(IMAGES, params={**query, "vd": 1}, headers={"Accept": SENML_JSON}).json()
    assert urlsafe_b64decode(with_data[-1]["vd"] + "==") == PNG
    in_cbor = http.get(IMAGES, params={**query, "vd": 1}, headers={"Accept": SENML_CBOR})
    assert cbor2.loads(in_cbor.content)[-1][8] == PNG


def test_devices(http: httpx.Client) -> None:
    kept = [send(http, "devices", minute) for minute in range(3)]
    (found,) = (each for each in devices(http) if each["deviceId"] == "devices")
    assert (found["collection"], found["pictures"], found["bytes"]) == ("images", 3, 3 * len(PNG))
    assert (found["firstTimestamp"], found["lastTimestamp"]) == (kept[0]["timestamp"], kept[2]["timestamp"])


def devices(http: httpx.Client) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = http.get("/collections/devices", params={"limit": "2", **cursor}).json()
        yield from page["devices"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def test_events_survive_silence_and_a_lost_connection(http: httpx.Client) -> None:
    """The gateway times out after 30 s without data; a comment every 15 s keeps the stream open."""
    query = {"deviceId": "events"}
    with http.stream("GET", IMAGES + "/events", params=query) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert ": pictures" in [next(lines), next(lines), next(lines)]
        assert next(line for line in lines if line.startswith(":")) == ": ping"
        first = send(http, "events", 1)
        assert event(lines) == (first, str(first["id"]))
    second = send(http, "events", 2)
    with http.stream("GET", IMAGES + "/events", params=query, headers={"Last-Event-ID": str(first["id"])}) as stream:
        assert event(stream.iter_lines()) == (second, str(second["id"]))


def event(lines: Iterator[str]) -> tuple[dict[str, Any], str]:
    """The data and the id of the next event `picture`."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        fields[name] = value
        if not line and fields.get("event") == "picture":
            return json.loads(fields["data"]), fields["id"]
    raise EOFError

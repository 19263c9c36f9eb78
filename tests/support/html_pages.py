"""What is on a page of the service, and what all of them have to be."""

from html.parser import HTMLParser

import httpx


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def is_safe(answer: httpx.Response) -> None:
    """What every page has: nothing runs or loads from elsewhere, nothing frames it, nothing keeps it."""
    headers, page = answer.headers, Page(answer)
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["cache-control"], headers["x-frame-options"]) == ("no-store", "DENY")
    assert headers["referrer-policy"] == "same-origin"
    for tag, attributes in page.tags:
        assert not {"style", *(name for name in attributes if name.startswith("on"))} & attributes.keys(), tag
        for name in ("src", "href", "action"):
            target = attributes.get(name)
            assert target is None or (target.startswith("/") and not target.startswith("//")), (tag, target)
    assert all("src" in each for each in page.all("script"))
    labels = {each["for"] for each in page.all("label")}
    shown = [each for each in page.all("input") if each.get("type") != "hidden"]
    assert labels == {each["id"] for each in shown}
    [html] = page.all("html")
    assert html["lang"] == headers.get("x-language", html["lang"])
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1

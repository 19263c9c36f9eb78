"""The CoRE Link Format: the documents and filters of RFC 6690, and details that are easily misread."""

import pytest

from core_collection_service.protocol.link_format import Link, MalformedLinks, parse, select, write

# The documents of RFC 6690 section 5, without the line ends of its figures.
INDEX = '</sensors>;ct=40;title="Sensor Index"'
TEMPERATURE = '</sensors/temp>;rt="temperature-c";if="sensor"'
LIGHT = '</sensors/light>;rt="light-lux";if="sensor"'
DESCRIPTION = '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby"'
ALTERNATE = '</t>;anchor="/sensors/temp";rel="alternate"'
FIRMWARE = '</firmware/v2.1>;rt="firmware";sz=262144'
SENSORS = f"{TEMPERATURE},{LIGHT}"
EVERYTHING = f"{INDEX},{TEMPERATURE},{LIGHT},{DESCRIPTION},{ALTERNATE}"


@pytest.mark.parametrize("document", ["", "</sensors>;ct=40", SENSORS, EVERYTHING, FIRMWARE])
def test_the_documents_of_the_rfc_are_read_and_written(document: str) -> None:
    assert write(parse(document)) == document


def test_links_are_read() -> None:
    assert parse(EVERYTHING)[0] == Link("/sensors", (("ct", "40"), ("title", "Sensor Index")))
    assert parse(FIRMWARE) == [Link("/firmware/v2.1", (("rt", "firmware"), ("sz", "262144")))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rt=light-lux", [LIGHT]),  # section 5
        ("rt=temperature-c", [TEMPERATURE]),
        ("if=sensor", [TEMPERATURE, LIGHT]),
        ("href=/sensors", [INDEX]),  # section 4.1: /foo is </foo> alone, /foo* all that begin with it
        ("href=/sensors*", [INDEX, TEMPERATURE, LIGHT]),
        ("href=/sensors/*", [TEMPERATURE, LIGHT]),
        ("href=*", [INDEX, TEMPERATURE, LIGHT, DESCRIPTION, ALTERNATE]),
        ("href=/foo", []),
        ("rt=*", [TEMPERATURE, LIGHT]),  # section 4.1: every link that has the attribute
        ("title=*", [INDEX]),
        ("foo=*", []),
        ("foo=bar", []),
        ("ct=40", [INDEX]),
        ("ct=4", []),
        ("rel=alternate", [ALTERNATE]),
        ("anchor=/sensors/temp", [DESCRIPTION, ALTERNATE]),
        ("rt=light*", [LIGHT]),
        ("rt=light", []),
        ("rt=LIGHT-LUX", []),
        ("rt=*lux", []),
        ("title=Sensor%20Index", [INDEX]),
        ("title=Sensor+Index", []),
        ("href=%2Fsensors%2ft%65mp", [TEMPERATURE]),
        ("rt=light%2A", []),
        ("rt=light-lux&if=sensor", [LIGHT]),
        ("rt=light-lux&href=/t", []),
        ("if=sensor&if=s*", [TEMPERATURE, LIGHT]),
        ("rt=%zz", []),
        ("rt=%ff*", []),
        ("rt=", []),
    ],
)
def test_filters(query: str, expected: list[str]) -> None:
    assert [str(link) for link in select(parse(EVERYTHING), query)] == expected


@pytest.mark.parametrize("query", [None, "", "rt", "obs", "&", "=", "=x", "rt&if"])
def test_a_query_that_is_no_filter_is_ignored(query: str | None) -> None:
    assert write(select(parse(EVERYTHING), query)) == EVERYTHING


@pytest.mark.parametrize("name", ["rt", "if", "rel", "rev"])
def test_each_of_several_values_is_compared_by_itself(name: str) -> None:
    found = parse(f'</a>;{name}="one two.b";title="one two.b"')
    for value, expected in {"one": 1, "two.b": 1, "two*": 1, "one%20two.b": 0, "wo*": 0, "one*": 1}.items():
        assert len(select(found, f"{name}={value}")) == expected
    assert len(select(found, "title=one")) == 0


def test_options_of_coap_are_decoded_already() -> None:
    found = parse('</a>;rt="100%25 x*"')
    assert select(found, ["rt=100%25"]) == found
    assert select(found, "rt=100%2525") == found
    assert select(found, "rt=x%2A") == found
    assert select(found, ["rt=x*", "href=/b"]) == []
    assert select(found, ("obs",)) == found


def test_a_flag_has_no_value() -> None:
    found = parse("</a>;obs;rt=x")
    assert found[0].attributes == (("obs", None), ("rt", "x"))
    assert str(found[0]) == '</a>;obs;rt="x"'
    assert select(found, "obs=*") == select(found, "obs=") == found
    assert select(found, "obs=1") == []


def test_quoted_strings() -> None:
    document = r'</a>;title="a,b;c>d\"e\\f";if="x",</b>'
    first, second = parse(document)
    assert first.attributes == (("title", r'a,b;c>d"e\f'), ("if", "x"))
    assert (second.href, write([first, second])) == ("/b", document)
    assert select([first, second], "title=a%2Cb;c%3Ed%22e%5Cf") == [first]


def test_values_are_compared_bitwise() -> None:
    composed, decomposed = "Se\u0301", "S\u00e9"
    found = parse(f'</a>;title="{composed}"')
    assert select(found, [f"title={composed}"]) == found
    assert select(found, [f"title={decomposed}"]) == []


def test_cardinals_and_extended_values_have_no_quotes() -> None:
    attributes = (("sz", "18446744073709551616"), ("ct", "40 50"), ("title*", "UTF-8'de'%e4"), ("rt", "7"))
    written = '</a>;sz=18446744073709551616;ct="40 50";title*=UTF-8\'de\'%e4;rt="7"'
    assert str(Link("/a", attributes)) == written
    assert parse(written) == [Link("/a", attributes)]


@pytest.mark.parametrize(
    "document",
    ["/a", "<a", "<a>x", "<a>,", ",<a>", "<a>,,<b>", "<a>, <b>", "<a> ;x", "<a>;", "<a>;=1", "<a>;x=", "<a>;x = 1",
     '<a>;x="', '<a>;x="\\"', '<a>;x="1"2', "<a>;x=1\\", "<a b>", "<a><b>"],
)  # fmt: skip
def test_malformed_documents(document: str) -> None:
    with pytest.raises(MalformedLinks, match="not a link at character"):
        parse(document)

"""SenML packs in JSON and CBOR, with the examples of RFC 8428, and records that it forbids."""

import json
import math

import cbor2
import pytest

from core_collection_service.protocol import senml
from core_collection_service.protocol.media_types import SENML_CBOR, SENML_JSON
from core_collection_service.protocol.senml import Record, pack

# RFC 8428 section 5.1.2, of which section 6 has the CBOR.
VOLTAGE: list[Record] = [
    {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e09, "bu": "A", "bver": 5, "n": "voltage", "u": "V",
     "v": 120.1},
    {"n": "current", "t": -5, "v": 1.2},
]  # fmt: skip


def test_json() -> None:
    assert json.loads(pack(VOLTAGE, SENML_JSON)) == VOLTAGE


def test_cbor_has_numbers_for_labels() -> None:
    first, second = cbor2.loads(pack(VOLTAGE, SENML_CBOR))
    assert first == {-2: VOLTAGE[0]["bn"], -3: 1.276020076001e09, -4: "A", -1: 5, 0: "voltage", 1: "V", 2: 120.1}
    assert second == {0: "current", 6: -5, 2: 1.2}


def test_labels_as_registered() -> None:
    base = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6}
    rest = {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8}
    assert base | rest == senml.LABELS


def test_data_is_base64url_without_padding_in_json_and_bytes_in_cbor() -> None:
    record: Record = {"n": "nfc-reader", "vd": b"hi \n\xff\xfe"}  # section 5.1.6 has aGkgCg for the first four
    assert pack([{"n": "nfc-reader", "vd": b"hi \n"}], SENML_JSON) == b'[{"n":"nfc-reader","vd":"aGkgCg"}]'
    assert json.loads(pack([record], SENML_JSON))[0]["vd"] == "aGkgCv_-"
    assert cbor2.loads(pack([record], SENML_CBOR)) == [{0: "nfc-reader", 8: b"hi \n\xff\xfe"}]


@pytest.mark.parametrize("media_type", [SENML_JSON, SENML_CBOR])
@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"n": "a"}, "value"),
        ({"n": "a", "v": 1, "vs": "x"}, "value"),
        ({"n": "a", "v": math.nan}, "finite"),
        ({"n": "a", "v": 1, "t": math.inf}, "finite"),
        ({"v": 1}, "name"),
        ({"n": "-a", "v": 1}, "name"),
        ({"n": "a b", "v": 1}, "name"),
        ({"n": "\u00e4", "v": 1}, "name"),
    ],
)
def test_invalid_records_are_not_written(record: Record, why: str, media_type: str) -> None:
    with pytest.raises(ValueError, match=why):
        pack([record], media_type)


def test_a_base_name_counts_for_the_records_after_it() -> None:
    assert pack([{"bn": "a/", "n": "b", "v": 1}, {"n": "-c", "v": 2}], SENML_JSON)
    with pytest.raises(ValueError, match="name"):
        pack([{"bn": "-", "n": "b", "v": 1}], SENML_JSON)

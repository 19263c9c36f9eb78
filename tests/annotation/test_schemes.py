"""The built-in scheme, and what a label of any scheme is refused for."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.annotation import SEED_LABEL, Lab

from annotation_service.schemes.documents import DRAFT
from annotation_service.schemes.models import BUILT_IN_ID
from annotation_service.schemes.rules import SchemeRules
from lightbox_shared.errors import InvalidRequest

FINDINGS = ["quality", "dr", "stage", "dme", "hr", "age_dme", "rvo", "crao", "myopia", "od", "glaucoma", "others"]


@pytest.fixture
async def built_in(lab: Lab) -> SchemeRules:
    async with lab.database.reading() as session:
        return await lab.services.schemes.find(session, BUILT_IN_ID)


def refused(rules: SchemeRules, fields: dict[str, Any]) -> dict[str, str]:
    """The sentence of each field that is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        rules.check(fields)
    assert all(each.field in caught.value.detail for each in caught.value.fields)
    return {each.field: each.message for each in caught.value.fields}


def scheme(properties: dict[str, Any], **keywords: Any) -> SchemeRules:
    document = {"type": "object", "properties": properties, "additionalProperties": False, **keywords}
    return SchemeRules(7, "other", 1, document)


async def test_the_built_in_scheme_has_the_fields_of_the_seed(built_in: SchemeRules) -> None:
    assert str(built_in) == "ophthalmology/1"
    assert list(built_in.fields) == [*FINDINGS, "comment"] == list(SEED_LABEL)
    assert built_in.ordered == ("stage", "hr", "age_dme")


async def test_rules_are_read_once(lab: Lab, built_in: SchemeRules) -> None:
    async with lab.database.reading() as session:
        assert await lab.services.schemes.find(session, BUILT_IN_ID) is built_in
        with pytest.raises(LookupError):
            await lab.services.schemes.find(session, 2**62)


async def test_the_built_in_scheme_takes_what_clients_send(built_in: SchemeRules) -> None:
    built_in.check({})
    built_in.check(SEED_LABEL)
    built_in.check(dict.fromkeys(SEED_LABEL))
    for value in (True, False, None, 0, -1, 401, "", "2", "x" * 100):
        built_in.check(dict.fromkeys(FINDINGS, value))
    built_in.check({"quality": [701, 702], "comment": "<script>alert(1)</script>" + "字" * 9000})


@pytest.mark.parametrize("field", FINDINGS)
@pytest.mark.parametrize("value", [1.5, "x" * 101, {}, {"a": 1}, [1.5], [True], ["1"], [[1]], list(range(33))])
async def test_the_built_in_scheme_refuses_other_values(built_in: SchemeRules, field: str, value: Any) -> None:
    assert list(refused(built_in, {**SEED_LABEL, field: value})) == [field]


async def test_only_quality_is_a_list(built_in: SchemeRules) -> None:
    wrong = refused(built_in, {name: [1] for name in FINDINGS})
    assert set(wrong) == set(FINDINGS) - {"quality"}
    assert set(wrong.values()) == {"It takes true or false, a whole number, null, or a text of at most 100 characters."}


async def test_the_sentences_name_the_fields(built_in: SchemeRules) -> None:
    wrong = refused(built_in, {**SEED_LABEL, "comment": "x" * 10_001, "dr": {}, "tumour": True, "x" * 5000: 1})
    assert set(wrong) == {"comment", "dr", "tumour", "x" * 100}
    assert wrong["comment"] == "The value is longer than 10000 characters"
    assert wrong["tumour"].startswith("The scheme ophthalmology/1 has no such field; it has quality, dr, ")
    assert refused(built_in, {"comment": 1}) == {"comment": 'The value is not of types "null", "string"'}


async def test_a_label_of_thousands_of_unknown_fields_names_some(built_in: SchemeRules) -> None:
    assert len(refused(built_in, {f"f{number}": None for number in range(900)})) == 20


@pytest.mark.parametrize(
    "value",
    [float("inf"), float("nan"), 1e999, 2**63, -(2**63) - 1, 10**400, 1e300, [2**63], [[[[[[[[[[1]]]]]]]]]]],
    ids=lambda value: str(value)[:20] if isinstance(value, float) else None,
)
async def test_extreme_values_are_refused_before_they_reach_the_database(value: Any) -> None:
    assert list(refused(scheme({"size": {}}), {"size": value})) == ["size"]


async def test_the_number_of_values_is_limited() -> None:
    rules = scheme({"a": {}, "b": {}})
    rules.check({"a": [0] * 900})
    assert list(refused(rules, {"a": [0] * 1001})) == ["a"]
    with pytest.raises(InvalidRequest, match="1000 values"):
        rules.check({"a": [0] * 900, "b": {str(number): 0 for number in range(900)}})


async def test_a_text_that_is_not_unicode_is_refused(built_in: SchemeRules) -> None:
    with pytest.raises(InvalidRequest):
        built_in.check({"comment": "\ud800"})
    with pytest.raises(InvalidRequest):
        built_in.check({"\ud800": None})


async def test_rules_between_fields() -> None:
    rules = scheme(
        {"lesion": {"type": "boolean"}, "grade": {"type": "integer", "minimum": 0, "maximum": 4, "x-ordered": True}},
        required=["lesion"],
        **{"if": {"properties": {"lesion": {"const": True}}}, "then": {"required": ["grade"]}},
    )
    assert rules.ordered == ("grade",)
    rules.check({"lesion": False})
    rules.check({"lesion": True, "grade": 4})
    assert refused(rules, {"lesion": True}) == {"grade": "This field is required."}
    assert "lesion" in refused(rules, {"grade": 1})
    assert set(refused(rules, {"lesion": True, "grade": 5})) == {"grade"}


async def test_a_large_label_of_a_large_scheme_is_refused_by_its_fields_alone() -> None:
    choices = {"anyOf": [{"const": f"x{number}"} for number in range(300)]}
    rules = scheme(
        {"a": {"items": {"$ref": "#/$defs/x"}}, "b": {}, "c": {}}, required=["c"], **{"$defs": {"x": choices}}
    )
    values = ["x1"] * 900
    rules.check({"a": values, "c": 1})
    sentence = "The value does not fit the schema of this field."
    assert refused(rules, {"a": [*values, "y"], "c": 1}) == {"a": sentence}
    assert set(refused(rules, {"a": [*values, "y"], "d": 1})) == {"a", "d"}
    assert refused(rules, {"a": values}) == {"": "The fields do not fit together."}


NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(-1e18, 1e18))
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        NUMBERS,
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.sampled_from(["x", "y"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=5,
)
TYPES = st.sampled_from(["boolean", "integer", "number", "string", "null", "array", "object"])
LEAVES = st.one_of(
    st.booleans(),
    st.fixed_dictionaries({}, optional={"type": TYPES, "minimum": st.integers(-3, 3), "maxLength": st.integers(0, 3)}),
    st.fixed_dictionaries({"enum": st.lists(VALUES, min_size=1, max_size=3, unique_by=repr)}),
    st.fixed_dictionaries({"type": st.lists(TYPES, min_size=1, max_size=3, unique=True)}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"items": inner, "uniqueItems": st.booleans(), "maxItems": st.integers(0, 3)}),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)}),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), SCHEMAS, min_size=1), st.data())
def test_labels_are_valid_where_the_reference_implementation_says_so(properties: dict[str, Any], data: Any) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES))
    document = {"$schema": DRAFT, "type": "object", "properties": properties, "additionalProperties": False}
    rules = SchemeRules(7, "other", 1, document)
    if Draft202012Validator(document).is_valid(fields):
        rules.check(fields)
    else:
        assert refused(rules, fields)


async def test_an_error_of_the_label_as_a_whole_has_no_field() -> None:
    rules = scheme({"a": {}, "b": {"$ref": "#/$defs/x"}}, minProperties=1, **{"$defs": {"x": {"anyOf": [False]}}})
    assert refused(rules, {}) == {"": "The value has less than 1 property"}
    assert refused(rules, {"b": 1}) == {
        "b": "The value is not valid under any of the schemas listed in the 'anyOf' keyword"
    }

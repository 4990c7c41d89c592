"""Names, tags, pages and what asks for nothing: one line each."""

import pytest

from sealway.model.errors import AwsError
from sealway.services.ecs.honoured import asks_nothing, refuse_others
from sealway.services.ecs.names import is_name, is_started_by, is_token
from sealway.services.ecs.pages import arn_page, cut
from sealway.services.ecs.tag_list import to_list, to_mapping


@pytest.mark.parametrize("value", [None, False, [], {}, ""])
def test_what_asks_for_nothing(value):
    assert asks_nothing(value)
    refuse_others({"x": value}, (), "it")


@pytest.mark.parametrize("value", [True, 0, ["a"], {"a": None}, "a"])
def test_what_asks_for_something(value):
    assert not asks_nothing(value)
    refuse_others({"x": value}, ("x",), "it")
    with pytest.raises(AwsError, match="The parameter 'x' of it is not supported by Sealway"):
        refuse_others({"x": value}, (), "it")


def test_names():
    assert is_name("a-B_9" * 51)
    for wrong in ("", "a" * 256, "a b", "a/b", "ä", "a\n"):
        assert not is_name(wrong)
    assert is_token("!~", 2)
    assert not is_token("abc", 2)
    assert not is_token("a b", 9)
    assert is_started_by("ci/42_a-b")
    assert not is_started_by("a:b")


def test_tags_both_ways():
    given = [{"key": "a", "value": "1"}, {"key": "b"}]
    assert to_list(to_mapping(given)) == [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]
    with pytest.raises(AwsError, match="Tag key cannot be empty"):
        to_mapping([{"value": "1"}])


def test_pages_go_both_ways():
    names = ["b", "a", "d", "c"]
    up, token = cut(names, {"maxResults": 3})
    assert up == ["a", "b", "c"]
    assert cut(names, token) == (["d"], {})
    down, token = cut(names, {"maxResults": 3}, descending=True)
    assert down == ["d", "c", "b"]
    assert cut(names, token, descending=True) == (["a"], {})
    assert arn_page(names, {}, "arns", default=4) == {"arns": ["a", "b", "c", "d"]}


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_page_has_one_to_a_hundred(limit):
    with pytest.raises(AwsError, match="between 1 and 100"):
        cut(["a"], {"maxResults": limit})

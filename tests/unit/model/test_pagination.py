import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.model.pagination import encode_token, page


def same(text: str) -> str:
    return text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), st.integers(1, 7))
def test_pages_give_every_item_once_in_order(items: list[str], limit: int) -> None:
    seen: list[str] = []
    token = None
    while True:
        got, token = page(items, same, token, limit)
        assert len(got) <= limit
        seen += got
        if token is None:
            break
    assert seen == sorted(items)


def test_an_item_that_left_between_two_pages_does_not_disturb() -> None:
    _, token = page(["a", "b", "c", "d"], same, None, 2)
    assert page(["a", "c", "d"], same, token, 2) == (["c", "d"], None)


@pytest.mark.parametrize("token", ["x", "!!!!", "YWJj", "é", encode_token("a")[:-3], "gICA"])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        page(["a"], same, token, 1)


def test_a_page_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="0 items"):
        page(["a"], same, None, 0)

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.model.safe_pattern import BadPattern, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("t3.*", "t3.micro", "m5.large"),
        ("^(t2|t3)\\.(small|micro)$", "t2.micro", "t3.large"),
        ("[a-c]{2,3}", "abc", "abcd"),
        ("a{2}", "aa", "a"),
        ("a{2,}", "aaaa", "a"),
        ("(?:ab)+?c?", "ababc", "abcc"),
        ("\\d+-\\w*", "42-x", "x-42"),
        ("[^\\]x]", "y", "]"),
        ("us-east-1[ab]", "us-east-1b", "us-east-1c"),
        ("", "", "x"),
        ("a||b", "", "c"),
    ],
)
def test_it_reads_as_everywhere(pattern, matching, other):
    matches = compile_pattern(pattern)
    assert matches(matching)
    assert not matches(other)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a)",
        "[a",
        "*",
        "a**",
        "a{3,2}",
        "(?=a)",
        "(a)\\1",
        "\\",
        "a^b",
        "(?i)a",
        "[z-a]",
        "(" * 60 + ")" * 60,
    ],
)
def test_what_it_cannot_do_is_refused(pattern):
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


def test_a_pattern_that_would_grow_without_bound_is_refused():
    with pytest.raises(BadPattern, match="256 states"):
        compile_pattern("(((a{99}){99}){99}){99}")


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*)*b", "(a|a)*", "(a|aa)+$", "(.*)*,"])
def test_patterns_that_run_away_elsewhere_answer_at_once(pattern):
    began = time.perf_counter()
    assert not compile_pattern(pattern)("a" * 128 + "!")
    assert time.perf_counter() - began < 0.5


pieces = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}"])).map(lambda p: f"({p[0]}){p[1]}"),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(pattern=pieces, text=st.text("abc", max_size=6))
def test_it_agrees_with_the_standard_library(pattern, text):
    assert compile_pattern(pattern)(text) == bool(re.fullmatch(pattern, text, re.DOTALL))

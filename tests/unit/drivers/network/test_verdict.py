"""Which codes count as success, and what is said about the others."""

import pytest

from sealway.drivers.network.verdict import matches, of_status


@pytest.mark.parametrize(
    ("matcher", "code", "expected"),
    [
        ("200", 200, True),
        ("200", 201, False),
        ("200,202", 202, True),
        ("200,202", 201, False),
        ("200-399", 399, True),
        ("200-399", 400, False),
        ("200-299,301", 301, True),
        ("200 , 204", 204, True),
    ],
)
def test_a_matcher_is_a_list_of_codes_and_ranges(matcher, code, expected):
    assert matches(matcher, code) is expected


def test_a_mismatch_names_the_code():
    assert of_status(503, "200-399").description == "Health checks failed with these codes: [503]"

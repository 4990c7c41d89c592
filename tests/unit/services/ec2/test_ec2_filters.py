import pytest

from sealway.services.ec2.filters import matches


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("ELB net/edge/*", "ELB net/edge/50dc6c495c0c9188", True),
        ("ELB net/edge/*", "ELB net/other/50dc6c495c0c9188", False),
        ("web-?", "web-1", True),
        ("web-?", "web-10", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a.c", "abc", False),
        ("Web", "web", False),
        ("", "", True),
        ("*", "", True),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected

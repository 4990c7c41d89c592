"""Numbers, times and bytes as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sealway.wire import scalars


@pytest.mark.parametrize("text", ["", "1_0", " 1", "0x1", "1.0", "٣", str(2**31), "9" * 5000])
def test_not_an_integer(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        scalars.parse_integer(text, "integer")


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_0", "0x1", ".", "1e9999"])
def test_not_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        scalars.parse_float(text)


@pytest.mark.parametrize("text", ["", "1", "yes", "truely"])
def test_not_a_boolean(text: str) -> None:
    with pytest.raises(ValueError, match="not a boolean"):
        scalars.parse_boolean(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)),
        ("2026-01-02T05:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_iso8601(text: str, instant: datetime) -> None:
    assert scalars.parse_iso8601(text) == instant


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_not_a_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        scalars.parse_iso8601(text)


@pytest.mark.parametrize("seconds", [1e300, -1e300, 1e15])
def test_no_epoch(seconds: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        scalars.parse_epoch(seconds)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    instant = datetime(2026, 1, 2, 5, 4, 5, 678901, timezone(timedelta(hours=2)))
    assert scalars.format_iso8601(instant) == "2026-01-02T03:04:05.678Z"
    assert scalars.format_epoch(instant) == 1767323045.679


def test_not_base64() -> None:
    with pytest.raises(ValueError, match="not base64"):
        scalars.parse_blob("!")
    with pytest.raises(ValueError, match="ASCII"):
        scalars.parse_blob("ü")

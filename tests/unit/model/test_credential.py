from datetime import UTC, datetime

from rich.pretty import pretty_repr

from sealway.model.credential import Credential


def test_the_secret_is_never_shown() -> None:
    credential = Credential(
        access_key_id="AKID", secret_access_key="hidden", account_id="0", created_at=datetime.now(UTC)
    )
    for shown in (repr(credential), str(credential), pretty_repr(credential)):
        assert "AKID" in shown
        assert "hidden" not in shown

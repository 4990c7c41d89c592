from pathlib import Path

from tests.support.api_server import OTHER_ACCESS_KEY, ApiServer


def test_every_key_knows_its_account(tmp_path: Path) -> None:
    with ApiServer(tmp_path) as server:
        mine = server.client("sts").get_caller_identity()
        assert (mine["Account"], mine["Arn"]) == ("000000000000", "arn:aws:iam::000000000000:root")
        theirs = server.client("sts", aws_access_key_id=OTHER_ACCESS_KEY).get_caller_identity()
        assert (theirs["Account"], theirs["UserId"]) == ("111111111111", "111111111111")

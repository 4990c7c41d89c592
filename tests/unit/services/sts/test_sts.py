from pathlib import Path

from sealway.services.sts.operations import OPERATIONS
from tests.support.ec2 import make_ec2


def test_everyone_is_the_root_of_his_account(tmp_path: Path) -> None:
    ec2 = make_ec2(tmp_path).but(account_id="123456789012")
    assert OPERATIONS["GetCallerIdentity"](ec2.ctx, {}) == {
        "UserId": "123456789012",
        "Account": "123456789012",
        "Arn": "arn:aws:iam::123456789012:root",
    }
    ec2.store.close()

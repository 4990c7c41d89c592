import pytest

from sealway.drivers.dns.zone import Outcome, Zone

ZONE = Zone({"Edge.elb.us-east-1.sealway.internal.": ("10.0.0.1",), "db.example": ("10.0.0.2",)})


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("edge.elb.us-east-1.sealway.internal", ("10.0.0.1",)),
        ("elb.us-east-1.sealway.internal", ()),
        ("sealway.internal", ()),
        ("edge.elb.eu-west-1.sealway.internal", Outcome.NO_SUCH_NAME),
        ("notsealway.internal", Outcome.NOT_OURS),
        ("db.example", ("10.0.0.2",)),
        ("example", Outcome.NOT_OURS),
        ("ip-10-0-0-5.ec2.internal", ("10.0.0.5",)),
        ("ip-172-31-0-5.eu-west-1.compute.internal", ("172.31.0.5",)),
        ("ip-8-8-8-8.ec2.internal", Outcome.NO_SUCH_NAME),
        ("ip-10-0-0-999.ec2.internal", Outcome.NO_SUCH_NAME),
        ("www.ec2.internal", Outcome.NOT_OURS),
        ("", Outcome.NOT_OURS),
    ],
)
def test_lookup(name: str, known: object) -> None:
    assert ZONE.lookup(name) == known

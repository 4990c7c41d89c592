"""Every fault has words in every protocol."""

from itertools import product

import pytest

from sealway.model.errors import AwsError
from sealway.wire.errors import FAULTS, Fault, error, refuse
from sealway.wire.service_models import Protocol


@pytest.mark.parametrize(("protocol", "fault"), list(product(FAULTS, Fault)))
def test_no_fault_is_without_words(protocol: Protocol, fault: Fault) -> None:
    told = error(protocol, fault, "why")
    assert told.code
    assert told.message
    assert 400 <= told.status < 600


def test_the_place_of_the_fault_speaks_where_aws_has_no_fixed_words() -> None:
    with pytest.raises(AwsError, match="ValidationError: why"):
        refuse("query", Fault.INVALID, "why")


def test_fixed_words_win() -> None:
    assert error("ec2", Fault.EXPIRED, "why").message == "Request has expired."

"""An empty store, and one with a default VPC."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ec2 import Ec2, make_ec2


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Ec2]:
    ec2 = make_ec2(tmp_path)
    yield ec2
    ec2.store.close()


@pytest.fixture
def ec2(bare: Ec2) -> Ec2:
    bare.default_vpc()
    return bare

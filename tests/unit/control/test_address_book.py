from datetime import timedelta
from ipaddress import IPv4Address

from sealway.control.address_book import AddressBook
from sealway.model.network import NetworkInterface
from tests.support.cluster_world import NOW, OWNER


def interface(number: int, seconds: int = 0, subnet: str = "subnet-1") -> NetworkInterface:
    return NetworkInterface(
        id=f"eni-{number}", **OWNER, vpc_id="vpc-1", subnet_id=subnet, availability_zone="us-east-1a",
        private_ip=f"10.0.1.{number}", mac="x", created_at=NOW + timedelta(seconds=seconds),
    )  # fmt: skip


def test_an_address_is_taken_as_long_as_its_interface_is_there() -> None:
    book = AddressBook()
    for number in (4, 5):
        book.put_interface(f"eni-{number}", interface(number))
    book.put_interface("eni-5", interface(5))
    book.put_interface("eni-9", interface(9, subnet="subnet-2"))
    assert book.taken == {"subnet-1": {"10.0.1.4", "10.0.1.5"}, "subnet-2": {"10.0.1.9"}}
    book.put_interface("eni-4", None)
    book.put_interface("eni-never", None)
    assert book.taken["subnet-1"] == {"10.0.1.5"}


def test_the_newest_address_is_known_when_it_is_free_again() -> None:
    book = AddressBook()
    book.put_interface("eni-7", interface(7, seconds=2))
    book.put_interface("eni-8", interface(8, seconds=1))
    book.put_interface("eni-7", None)
    assert book.last_given == {"subnet-1": (NOW + timedelta(seconds=2), int(IPv4Address("10.0.1.7")))}

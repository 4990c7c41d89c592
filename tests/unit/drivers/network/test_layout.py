"""Names and addresses."""

from sealway.drivers.network.layout import HOST_MAC, LB_MAC, containing, task_interface


def test_a_tasks_interface_is_as_long_as_linux_takes():
    assert task_interface("eni-0123456789abcdef0") == "swt56789abcdef0"
    assert len(task_interface("eni-0123456789abcdef0")) == 15


def test_the_network_an_address_is_in():
    assert containing(("10.1.0.0/16", "10.2.0.0/16"), "10.2.3.4") == "10.2.0.0/16"
    assert containing(("10.1.0.0/16",), "10.2.3.4") is None


def test_both_ends_have_macs_of_their_own():
    assert HOST_MAC != LB_MAC

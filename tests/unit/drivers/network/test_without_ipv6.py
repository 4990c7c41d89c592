"""A kernel that has no IPv6 is never asked about it."""

import pytest

from sealway.drivers.network import iptables, nft, sysctl
from sealway.model.guard import Guards

EMPTY = '{"nftables": []}'


@pytest.fixture(params=[True, False], ids=["with", "without"])
def ipv6(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(sysctl, "has_ipv6", lambda: request.param)
    return bool(request.param)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each command that would run, with its input."""
    commands: list[str] = []

    async def run(command: list[str], text: str) -> str:
        commands.append(" ".join([*command, text]))
        return EMPTY if "-j" in command else ""

    monkeypatch.setattr(nft, "run", run)
    monkeypatch.setattr(iptables, "run", run)
    return commands


async def test_the_packet_filter(ipv6: bool, ran: list[str]) -> None:
    await nft.apply(Guards(), (), True)
    await nft.counted()
    await nft.refusals(Guards())
    await nft.remove()
    assert any("ip sealway" in command for command in ran)
    assert any("ip6" in command for command in ran) is ipv6


async def test_forwarding(ipv6: bool, ran: list[str]) -> None:
    await iptables.apply(("10.0.0.0/16",), (), {})
    assert not any("ip6" in command for command in ran)
    await iptables.remove()
    assert any("ip6" in command for command in ran) is ipv6

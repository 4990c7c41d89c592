"""Which processor tasks run on, in ECS's words. Pure: whoever starts Sealway tells the machine's."""

_NAMES = {"x86_64": "X86_64", "amd64": "X86_64", "aarch64": "ARM64", "arm64": "ARM64"}
DEFAULT = "X86_64"
"""Also what a task definition means that names none."""


def architecture_of(machine: str) -> str:
    """``cpuArchitecture`` of a machine by its kernel's name for it."""
    return _NAMES.get(machine.lower(), machine.upper())

"""CPU and memory by instance type: what a container instance of that type offers tasks.

ECS counts 1,024 CPU units a vCPU; the registered memory is a little below the nominal size, as the
operating system keeps a share. Sources: EC2 instance type specifications; ECS Developer Guide,
"Reserving Amazon ECS Linux container instance memory".
"""

import msgspec

CPU_UNITS_PER_VCPU = 1024
_MEMORY_KEPT_BACK = 0.04

_SIZES_GIB_PER_VCPU = {
    "t3": None,
    "t2": None,
    "m5": 4,
    "m6i": 4,
    "m7i": 4,
    "c5": 2,
    "c6i": 2,
    "r5": 8,
    "r6i": 8,
}
_BURSTABLE = {
    "nano": (2, 0.5),
    "micro": (2, 1),
    "small": (2, 2),
    "medium": (2, 4),
    "large": (2, 8),
    "xlarge": (4, 16),
    "2xlarge": (8, 32),
}
_STEPS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}


class InstanceType(msgspec.Struct, frozen=True):
    """``vcpus`` and nominal memory in MiB."""

    name: str
    vcpus: int
    memory_mib: int

    @property
    def cpu_units(self) -> int:
        """CPU units registered with ECS."""
        return self.vcpus * CPU_UNITS_PER_VCPU

    @property
    def registered_memory_mib(self) -> int:
        """Memory registered with ECS, in MiB."""
        return int(self.memory_mib * (1 - _MEMORY_KEPT_BACK))


def find(name: str) -> InstanceType | None:
    """The type of that name (``t3.micro``, ``m5.large``, ...), or None when unknown."""
    family, _, size = name.partition(".")
    if family not in _SIZES_GIB_PER_VCPU:
        return None
    ratio = _SIZES_GIB_PER_VCPU[family]
    if ratio is None:
        if size not in _BURSTABLE:
            return None
        vcpus, gib = _BURSTABLE[size]
        return InstanceType(name, vcpus, int(gib * 1024))
    if size not in _STEPS:
        return None
    return InstanceType(name, _STEPS[size], _STEPS[size] * ratio * 1024)


def names() -> list[str]:
    """Every type there is."""
    return [
        f"{family}.{size}"
        for family, ratio in _SIZES_GIB_PER_VCPU.items()
        for size in (_BURSTABLE if ratio is None else _STEPS)
    ]

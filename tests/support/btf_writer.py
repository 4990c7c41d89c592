"""Writes type descriptions (BTF) as a compiler does, for tests of what reads them."""

import struct

INT, ARRAY, STRUCT, ENUM, TYPEDEF = 1, 3, 4, 6, 8


class Writer:
    """Each method answers the new type's id."""

    def __init__(self) -> None:
        self._types: list[bytes] = []
        self._strings = b"\0"

    def number(self, name: str, size: int) -> int:
        return self._add(name, INT, 0, size, struct.pack("<I", size * 8))

    def array(self, element: int, length: int) -> int:
        return self._add("", ARRAY, 0, 0, struct.pack("<III", element, 1, length))

    def typedef(self, name: str, of: int) -> int:
        return self._add(name, TYPEDEF, 0, of, b"")

    def enum(self, name: str, **values: int) -> int:
        rest = b"".join(struct.pack("<Ii", self._string(each), value) for each, value in values.items())
        return self._add(name, ENUM, len(values), 4, rest)

    def struct(self, name: str, size: int, **members: tuple[int, int]) -> int:
        """``members``: type and offset in bytes."""
        rest = b"".join(
            struct.pack("<III", self._string(each), of, offset * 8) for each, (of, offset) in members.items()
        )
        return self._add(name, STRUCT, len(members), size, rest)

    def bytes(self) -> bytes:
        types = b"".join(self._types)
        header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(self._strings))
        return header + types + self._strings

    def _add(self, name: str, kind: int, length: int, size: int, rest: bytes) -> int:
        self._types.append(struct.pack("<III", self._string(name), kind << 24 | length, size) + rest)
        return len(self._types)

    def _string(self, text: str) -> int:
        if not text:
            return 0
        self._strings += text.encode() + b"\0"
        return len(self._strings) - len(text) - 1

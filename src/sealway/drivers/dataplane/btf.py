"""Type descriptions as the kernel keeps them beside maps (BTF): what a struct's members are called and where
they lie. Pure: reads bytes. Source: the kernel's documentation, "BPF Type Format (BTF)".

Only what maps are made of is told apart: whole numbers, which may be converted to other widths, and
everything else (addresses, arrays, structs, numbers in network order), which stays the bytes that it is.
"""

import struct
from typing import NamedTuple

_MAGIC = 0xEB9F
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_INT, _ARRAY, _STRUCT, _UNION, _ENUM, _TYPEDEF, _ENUM64 = 1, 3, 4, 5, 6, 8, 19
_MODIFIERS = (_TYPEDEF, 9, 10, 11, 18)  # volatile, const, restrict, type tag
_FIXED = {_INT: 4, _ARRAY: 12, 14: 4, 17: 4}  # variable, declaration tag
_EACH = {_STRUCT: 12, _UNION: 12, _ENUM: 8, 13: 8, 15: 12, _ENUM64: 12}  # function, data section
_POINTER = 8


class Field(NamedTuple):
    """A struct's member. ``length`` above 1: an array of so many of ``size`` bytes each. ``type_id``: its
    type's, or its elements'. ``number``: a whole one in the machine's order."""

    offset: int
    size: int
    length: int = 1
    number: bool = False
    type_id: int = 0


class _Type(NamedTuple):
    name: str
    kind: int
    length: int
    size: int
    """Or the type that it is made of."""
    rest: bytes


class Types:
    """The descriptions of one object."""

    def __init__(self, raw: bytes) -> None:
        magic, _, _, header, types, types_size, strings, strings_size = _HEADER.unpack_from(raw)
        if magic != _MAGIC:
            raise ValueError("this is no BTF of a little-endian machine")
        self._strings = raw[header + strings :][:strings_size]
        self._types = [_Type("", 0, 0, 0, b""), *self._read(raw[header + types :][:types_size])]

    def _read(self, data: bytes) -> list[_Type]:
        found, at = [], 0
        while at < len(data):
            name, info, size = _TYPE.unpack_from(data, at)
            kind, length = info >> 24 & 0x1F, info & 0xFFFF
            after = at + _TYPE.size + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * length
            found.append(_Type(self._name(name), kind, length, size, data[at + _TYPE.size : after]))
            at = after
        return found

    def _name(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def find(self, name: str) -> int | None:
        """The id of the struct of that name."""
        for type_id, each in enumerate(self._types):
            if each.name == name and each.kind == _STRUCT:
                return type_id
        return None

    def size(self, type_id: int) -> int:
        """In bytes; 0: it has none that is known."""
        each = self._types[type_id]
        if each.kind in _MODIFIERS:
            return self.size(each.size)
        if each.kind == _ARRAY:
            return self.size(_array(each)[0]) * _array(each)[1]
        return each.size if each.kind in (_INT, _STRUCT, _UNION, _ENUM, _ENUM64) else _POINTER

    def fields(self, type_id: int) -> dict[str, Field]:
        """A struct's members by name, in their order; nothing of what is no struct."""
        each = self._types[self._plain(type_id)]
        if each.kind != _STRUCT:
            return {}
        members = struct.iter_unpack("<III", each.rest)
        # The upper byte is the width of a bit field, if the struct has any.
        return {self._name(name): self._field(of, (bits & 0xFFFFFF) // 8) for name, of, bits in members}

    def numbers(self, name: str) -> dict[str, int]:
        """An enumeration's; nothing if there is none of that name."""
        for each in self._types:
            if each.name == name and each.kind == _ENUM:
                return {self._name(one): value for one, value in struct.iter_unpack("<Ii", each.rest)}
        return {}

    def _plain(self, type_id: int) -> int:
        while self._types[type_id].kind in _MODIFIERS:
            type_id = self._types[type_id].size
        return type_id

    def _is_number(self, type_id: int) -> bool:
        each = self._types[type_id]
        while each.kind in _MODIFIERS:
            if each.name.startswith("__be"):
                return False
            each = self._types[each.size]
        return each.kind in (_INT, _ENUM)

    def _field(self, type_id: int, offset: int) -> Field:
        plain = self._plain(type_id)
        if self._types[plain].kind == _ARRAY:
            element, length = _array(self._types[plain])
            return Field(offset, self.size(element), length, self._is_number(element), self._plain(element))
        return Field(offset, self.size(type_id), number=self._is_number(type_id), type_id=plain)


def _array(each: _Type) -> tuple[int, int]:
    """Its elements' type, and how many there are."""
    element, _, length = _TYPE.unpack(each.rest)
    return int(element), int(length)

"""AWS Query in: form fields with dotted names, ``Filters.member.1.Values.member.2=x``, into members.

The flat names become a tree first, then shape and tree are walked together. ``Ec2Query`` (in
``ec2_query.py``) differs in the names of members and in how lists are written.
"""

from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from ..model.request import Params
from .errors import Fault, refuse
from .query_names import query_name
from .scalars import parse_blob, parse_boolean, parse_float, parse_integer, parse_iso8601
from .service_models import Protocol

Fields = list[tuple[str, str]]
MOST_FIELDS = 10_000
_DEEPEST = 32
_SCALARS: dict[str, Callable[[str, str], Any]] = {
    "string": lambda _, text: text,
    "character": lambda _, text: text,
    "integer": lambda kind, text: parse_integer(text, kind),
    "long": lambda kind, text: parse_integer(text, kind),
    "float": lambda _, text: parse_float(text),
    "double": lambda _, text: parse_float(text),
    "boolean": lambda _, text: parse_boolean(text),
    "timestamp": lambda _, text: parse_iso8601(text),
    "blob": lambda _, text: parse_blob(text),
}


def form_fields(form: str) -> Fields:
    """The fields of a form or query string, in order. Raises ValueError when it is not UTF-8 or too long."""
    if form.count("&") >= MOST_FIELDS:
        raise ValueError("too many parameters")
    pairs = (pair.partition("=") for pair in form.split("&") if pair)
    return [(_unquote(name), _unquote(value)) for name, _, value in pairs]


def _unquote(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode()


class Node:
    """A part of a dotted name: its own value, and what stands below it."""

    __slots__ = ("children", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.children: dict[str, Node] = {}


class Query:
    """Decodes one protocol's fields."""

    protocol: Protocol = "query"

    def decode(self, operation: OperationModel, fields: Fields) -> Params:
        """The fields as the input shape's members. Raises ``AwsError`` for what is not."""
        shape = operation.input_shape
        root = self._tree(fields)
        if shape is None:
            shape = StructureShape(operation.name, {"type": "structure", "members": {}})
        return self._structure(shape, root, "")

    def member_name(self, shape: Shape, member: str) -> str:
        """The member's name on the wire."""
        return query_name(shape, member)

    def items_of(self, shape: ListShape, node: Node) -> Node:
        """The node under which the numbers of a list's items stand."""
        return self._only_child(node, str(shape.member.serialization.get("name", "member")))

    def _tree(self, fields: Fields) -> Node:
        root = Node()
        for name, value in fields:
            node = root
            parts = name.split(".")
            if len(parts) > _DEEPEST:
                self._malformed(f"The parameter name {name[:64]}... is nested too deeply")
            for part in parts:
                node = node.children.setdefault(part, Node())
            if node.text is not None:
                self._malformed(f"The parameter {name} is given more than once")
            node.text = value
        return root

    def _decode(self, shape: Shape, node: Node, path: str) -> Any:
        if isinstance(shape, StructureShape):
            return self._structure(shape, self._no_text(node, path), path)
        if isinstance(shape, ListShape):
            return self._list(shape, node, path)
        if isinstance(shape, MapShape):
            return self._map(shape, node, path)
        if node.children or node.text is None:
            self._malformed(f"Unexpected complex element for parameter {path}")
        try:
            return _SCALARS[shape.type_name](shape.type_name, node.text)
        except ValueError:
            self._malformed(
                f"Value ({node.text[:256]}) for parameter {path} is not of type {shape.type_name}"
            )

    def _structure(self, shape: StructureShape, node: Node, path: str) -> Params:
        names = {self.member_name(member, name): name for name, member in shape.members.items()}
        decoded = {}
        for wire_name, child in node.children.items():
            where = f"{path}.{wire_name}" if path else wire_name
            name = names.get(wire_name)
            if name is None:
                refuse(self.protocol, Fault.UNKNOWN_PARAMETER, f"The parameter {where} is not recognized")
            decoded[name] = self._decode(shape.members[name], child, where)
        return decoded

    def _list(self, shape: ListShape, node: Node, path: str) -> list[Any]:
        if not node.children and node.text == "":
            return []
        numbered = self.items_of(shape, self._no_text(node, path))
        return [
            self._decode(shape.member, child, f"{path}.{n}") for n, child in self._in_order(numbered, path)
        ]

    def _map(self, shape: MapShape, node: Node, path: str) -> dict[str, Any]:
        entries = self._only_child(self._no_text(node, path), "entry")
        decoded = {}
        for n, entry in self._in_order(entries, path):
            where = f"{path}.{n}"
            parts = {query_name(shape.key, "key"): "key", query_name(shape.value, "value"): "value"}
            if set(entry.children) != set(parts):
                self._malformed(f"An entry of {where} must have a key and a value")
            found = {parts[name]: child for name, child in entry.children.items()}
            key = self._decode(shape.key, found["key"], where)
            decoded[key] = self._decode(shape.value, found["value"], where)
        return decoded

    def _only_child(self, node: Node, name: str) -> Node:
        if set(node.children) != {name}:
            other = next((child for child in node.children if child != name), "")
            self._malformed(f"Expected {name}, found {other[:64]}")
        return node.children[name]

    def _in_order(self, node: Node, path: str) -> list[tuple[int, Node]]:
        numbered = {}
        for name, child in node.children.items():
            if not (name.isascii() and name.isdigit() and len(name) <= 6) or int(name) in numbered:
                self._malformed(f"Key {name[:64]} of parameter {path} is not a position in a list")
            numbered[int(name)] = child
        return sorted(numbered.items())

    def _no_text(self, node: Node, path: str) -> Node:
        if node.text:
            self._malformed(f"The parameter {path} must not have a value of its own")
        return node

    def _malformed(self, message: str) -> NoReturn:
        refuse(self.protocol, Fault.MALFORMED, message)

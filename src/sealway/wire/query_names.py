"""How the Query protocols call a member on the wire."""

from botocore.model import Shape


def query_name(shape: Shape, member: str) -> str:
    """Query: the location name, or the member's own."""
    return str(shape.serialization.get("name", member))


def ec2_name(shape: Shape, member: str) -> str:
    """EC2, in requests: the query name, or the location name with a capital, or the member's own."""
    traits = shape.serialization
    if "queryName" in traits:
        return str(traits["queryName"])
    name = str(traits.get("name", member))
    return name[:1].upper() + name[1:] if "name" in traits else name

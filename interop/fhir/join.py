"""Contents of records → the resources that they hold.

Rules
- Only records of one source are joined: another source's resource of the same id is another resource.
- A resource (type and id) that comes again replaces the earlier one; records are given oldest first.
- A claim is put together from its parts; where a part is missing it is tagged SUBSETTED.
"""

from collections.abc import Iterable
from typing import Any

from interop.fhir.claims import joined, part_name
from interop.fhir.json_text import decode

Resource = dict[str, Any]


def join(contents: Iterable[bytes]) -> tuple[Resource, ...]:
    """The resources in these records of one source, in the order in which each first appeared."""
    found: dict[tuple[str, str], dict[str, Resource]] = {}
    for content in contents:
        for entry in decode(content)["entry"]:
            resource = entry["resource"]
            versions = found.setdefault((resource["resourceType"], resource["id"]), {})
            name = part_name(resource) or ""
            versions.pop(name, None)
            versions[name] = resource
    return tuple(versions[""] if "" in versions else joined(versions) for versions in found.values())

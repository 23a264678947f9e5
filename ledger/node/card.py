"""What a proposal needs to know of a node: its voting key, where peers reach it, its certificate."""

from pathlib import Path
from typing import Any

from ledger.node.errors import HomeInvalid
from ledger.node.home import Home
from ledger.node.peers import certificate_der
from ledger.types.canonical import b64u_encode


def node_card(folder: Path) -> dict[str, Any]:
    """`{"public", "moniker", "host", "port", "certificate"}` of the node whose home `folder` is.

    Raises HomeInvalid when a file cannot be read. Nothing secret is in it.
    """
    home = Home(folder)
    config = home.config()
    try:
        der = certificate_der(home.certificate.read_text())
    except (OSError, ValueError) as error:
        raise HomeInvalid(f"{home.certificate.name} cannot be read: {error}") from error
    return {
        "public": b64u_encode(bytes(home.signing_key().verify_key)),
        "moniker": config.moniker,
        "host": config.p2p_host,
        "port": config.p2p_port,
        "certificate": b64u_encode(der),
    }

"""`python -m ledger.light`: verify an exported proof offline; export one; keep a trusted store up to date.

Exit codes: 0 verified, 1 refused, 2 usage or a file that cannot be read, 3 not enough trust to tell,
4 verified but older than --max-age, 5 attack detected, 6 no node answered or none confirmed.
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ledger.light.arguments import parser_of
from ledger.light.bundle import Proven, verify_bundle, verify_consent
from ledger.light.client import LightClient
from ledger.light.consent import ConsentKnowledge
from ledger.light.errors import AttackDetected, HeaderRefused, LightClientError, StoreDamaged
from ledger.light.light_json import light_block_to_json
from ledger.light.path import skipping
from ledger.light.provider import walk
from ledger.light.root import Root
from ledger.light.rpc import RpcProvider
from ledger.light.store import JsonFileStore
from ledger.light.verdict import Options, Outcome, TrustedState, Verdict
from ledger.light.words import proven_words, refusal_words
from ledger.types.genesis import Genesis, GenesisError
from ledger.types.rpc_json import JsonShapeError, time_to_text

VERIFIED, REFUSED, UNREADABLE, UNSURE, TOO_OLD, ATTACK, UNREACHED = range(7)
MAX_FILE_BYTES = 64 * 1024 * 1024
DAY_NS, SECOND_NS = 86_400 * 10**9, 10**9


class Unreadable(Exception):
    """A file that was named is missing or not what it should be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = parser_of(__doc__ or "").parse_args(arguments)
    commands = {"verify": verify, "consent": consent, "export": export, "sync": sync}
    try:
        return commands[given.command](given)
    except (Unreadable, StoreDamaged, GenesisError) as error:
        _complain(f"CANNOT READ: {error}")
        return UNREADABLE
    except AttackDetected as attack:
        _complain(f"ATTACK: {attack}")
        _say(json.dumps([piece.to_json() for piece in attack.evidence], indent=1))
        return ATTACK
    except HeaderRefused as refused:
        _say(refusal_words(refused.verdict))
        return _code(refused.verdict)
    except LightClientError as error:
        _complain(f"NOT CONFIRMED: {error}")
        return UNREACHED


def verify(given: Namespace) -> int:
    """Verify one bundle."""
    root, name = _root(given)
    proven = verify_bundle(_json(given.bundle), root, _options(given), _now_ns(given))
    if isinstance(proven, Verdict):
        _say(refusal_words(proven))
        return _code(proven)
    _say(proven_words(proven, name))
    return _aged(given, proven)


def consent(given: Namespace) -> int:
    """Verify that a consent was granted, and whether it still stood at the second proof."""
    root, _name = _root(given)
    bundles = (_json(given.granted), _json(given.latest))
    known = verify_consent(given.consent, *bundles, root, _options(given), _now_ns(given))
    if isinstance(known, Verdict):
        _say(refusal_words(known))
        return _code(known)
    _say(f"VERIFIED: {known.words}")
    return _aged(given, known)


def export(given: Namespace) -> int:
    """Write a proof bundle of a transaction or of a state key to standard output. It is not verified here."""
    node = RpcProvider(given.node)
    try:
        if given.kind == "tx":
            bundle = node.tx_bundle(bytes.fromhex(given.what))
        else:
            bundle = node.state_bundle(given.what, given.height)
    except (KeyError, TypeError, JsonShapeError) as error:
        raise Unreadable(f"{given.node} answered with something else than a proof: {error}") from error
    except ValueError as error:
        raise Unreadable("a transaction's hash is 64 hex digits") from error
    if given.genesis:
        bundle["between"] = _between(given, node, int(bundle["signed_header"]["header"]["height"]))
    _say(json.dumps(bundle, indent=1))
    return VERIFIED


def sync(given: Namespace) -> int:
    """Bring a trusted store up to a height, or to the primary's latest, against witnesses."""
    store = JsonFileStore(given.trusted)
    witnesses = [RpcProvider(url) for url in given.witness]
    client = LightClient(
        RpcProvider(given.primary), witnesses, store, _options(given), lambda: _now_ns(given)
    )
    if not store.blocks():
        _begin(given, client)
    block = client.verify_to(given.height)
    _say(f"VERIFIED: block {block.height} of {block.header.chain_id}, {time_to_text(block.header.time_ns)}")
    _say(f"  header       {block.header.hash.hex().upper()}")
    _say(f"  trusted      {given.trusted}, {len(store.blocks())} blocks")
    return VERIFIED


def _begin(given: Namespace, client: LightClient) -> None:
    if given.hash:
        height, _colon, digest = given.hash.partition(":")
        try:
            client.trust(int(height), bytes.fromhex(digest))
        except ValueError as error:
            raise Unreadable("--hash wants HEIGHT:HASH, the hash as hex") from error
    elif given.genesis:
        client.start(TrustedState.of_genesis(_genesis(given.genesis)))
    else:
        raise Unreadable(f"{given.trusted} is empty: give --genesis FILE or --hash HEIGHT:HASH to begin")


def _between(given: Namespace, node: RpcProvider, height: int) -> list[dict[str, Any]]:
    """The light blocks that lead from the genesis up to `height`, without the one at `height`."""
    trusted = TrustedState.of_genesis(_genesis(given.genesis))
    options = Options(trusting_period_ns=2**63)
    way = skipping(trusted, node.light_block(height), options, time.time_ns())
    return [light_block_to_json(block) for block in walk(way, node)[:-1]]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")


def _root(given: Namespace) -> tuple[Root, str]:
    if given.genesis:
        return Root.of_genesis(_genesis(given.genesis)), f"the validators of {given.genesis}"
    blocks = JsonFileStore(given.trusted).blocks()
    if not blocks:
        raise Unreadable(f"{given.trusted} does not exist or holds no block")
    return Root.of_blocks(blocks), f"{given.trusted}, blocks {blocks[0].height} to {blocks[-1].height}"


def _aged(given: Namespace, known: Proven | ConsentKnowledge) -> int:
    if given.max_age is None or known.age_ms <= given.max_age * 1000:
        return VERIFIED
    _say(f"TOO OLD: more than {given.max_age} s. Ask for a newer proof.")
    return TOO_OLD


def _code(verdict: Verdict) -> int:
    return UNSURE if verdict.outcome is Outcome.NOT_ENOUGH_TRUST else REFUSED


def _options(given: Namespace) -> Options:
    return Options(given.trusting_period * DAY_NS, given.trust_level, given.clock_drift * SECOND_NS)


def _now_ns(given: Namespace) -> int:
    return time.time_ns() if given.at is None else int(given.at)


def _genesis(path: Path) -> Genesis:
    return Genesis.from_json(_json(path))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise Unreadable(f"{path} must hold one JSON object")
    return document


if __name__ == "__main__":
    sys.exit(main())

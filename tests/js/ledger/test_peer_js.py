"""What a JavaScript peer makes, Python reads: state proofs, signed blocks, handles; its lies it refuses."""

from random import Random
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from ledger.light.bundle import Proven, verify_bundle
from ledger.light.light_json import validators_from_json
from ledger.light.root import Root
from ledger.light.verdict import Options, Verdict
from ledger.machine.proofs import ProofError, prove, verify_absence, verify_presence
from ledger.machine.state import StateTree
from ledger.types.canonical import b64u_decode
from ledger.types.genesis import Genesis, GenesisValidator
from ledger.types.handles import HandleProof, handles_covered
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text, time_to_text
from ledger.types.signing import public_key_of
from tests.ledger.machine import cast

pytestmark = pytest.mark.browser
SEEDS = [cast.seed_of(f"peer {name}") for name in "ABCD"]
NOW_NS = cast.NOON * 1_000_000
OPTIONS = Options(3600 * 10**9)


@pytest.mark.parametrize("size", [1, 2, 3, 17, 200])
def test_state_proofs_made_in_javascript_are_those_of_python(page: Page, size: int) -> None:
    chance = Random(size)
    pairs = {f"key/{chance.getrandbits(64)}": f"value {n}" for n in range(size)}
    absent = [f"gone/{n}" for n in range(40)]
    keys = [*chance.sample(sorted(pairs), min(size, 40)), *absent]
    told = page.evaluate("given => window.peerState(given)", {"pairs": list(pairs.items()), "keys": keys})
    tree = StateTree().update({key.encode(): value.encode() for key, value in pairs.items()})
    root, proofs = bytes.fromhex(told["root"]), [bytes.fromhex(each) for each in told["proofs"]]
    assert root == tree.root
    for key, proof in zip(keys, proofs, strict=True):
        assert proof == prove(tree, key.encode())
        check(root, key, pairs.get(key), proof)


def check(root: bytes, key: str, value: str | None, proof: bytes) -> None:
    """The proof shows what is there and refuses the contrary."""
    if value is None:
        verify_absence(root, key.encode(), proof)
        with pytest.raises(ProofError):
            verify_presence(root, key.encode(), b"something", proof)
    else:
        verify_presence(root, key.encode(), value.encode(), proof)
        with pytest.raises(ProofError):
            verify_absence(root, key.encode(), proof)


def test_a_proof_made_in_javascript_with_any_byte_altered_shows_nothing(page: Page) -> None:
    pairs = [[f"key/{n}", "v"] for n in range(9)]
    told = page.evaluate("given => window.peerState(given)", {"pairs": pairs, "keys": ["key/3", "none"]})
    root = bytes.fromhex(told["root"])
    present, absent = (bytearray.fromhex(each) for each in told["proofs"])
    for at in range(len(present)):
        altered = bytes(present[:at] + bytes([present[at] ^ 1]) + present[at + 1 :])
        with pytest.raises(ProofError):
            verify_presence(root, b"key/3", b"v", altered)
    # The absent key itself stands in the message for readers; no rule rests on it.
    own = absent.find(b"none")
    for at in set(range(len(absent))) - set(range(own, own + 4)):
        altered = bytes(absent[:at] + bytes([absent[at] ^ 1]) + absent[at + 1 :])
        with pytest.raises(ProofError):
            verify_absence(root, b"none", altered)


def bundle(page: Page, signers: list[str], *, index: int = 1, seeds: list[bytes] = SEEDS) -> dict[str, Any]:
    """A block of height 7 that a JavaScript peer makes and signs."""
    filler = sha256(b"filler").hex().upper()
    digests = ("last_commit", "consensus", "app", "last_results", "evidence")
    header = {
        "version": {"block": "11", "app": "1"},
        "chain_id": cast.LEDGER,
        "height": "7",
        "time": time_to_text(NOW_NS),
        "last_block_id": {"hash": filler, "parts": {"total": 1, "hash": filler}},
        **{f"{name}_hash": filler for name in digests},
    }
    txs = [cast.register(cast.LI_MEI), cast.grant(), cast.revoke()]
    given = {"header": header, "seeds": [s.hex() for s in seeds], "powers": [10, 10, 40, 10], "round": 2}
    given |= {"txs": [base64_text(tx) for tx in txs], "index": index, "signers": signers}
    made: dict[str, Any] = page.evaluate("given => window.peerBundle(given)", given)
    return made


def judged(made: dict[str, Any]) -> Proven | Verdict:
    """By somebody who trusts the genesis of these four."""
    powers = zip(SEEDS, (10, 10, 40, 10), strict=True)
    members = tuple(GenesisValidator(public_key_of(seed), power) for seed, power in powers)
    genesis = Genesis(cast.LEDGER, NOW_NS - 10**9, members, {})
    return verify_bundle(made, Root.of_genesis(genesis), OPTIONS, NOW_NS + 10**9)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_block_signed_in_javascript_is_believed_by_python(page: Page, index: int) -> None:
    made = bundle(page, ["commit", "absent", "commit", "nil"], index=index)
    validators_from_json(made["validators"])
    proven = judged(made)
    assert isinstance(proven, Proven), proven
    assert (proven.block.height, proven.signed) == (7, (2, 4))


@pytest.mark.parametrize(
    ("signers", "rule"),
    [
        (["commit", "nil", "nil", "nil"], "quorum"),
        (["absent", "commit", "commit", "commit"], "quorum"),
        (["commit", "commit", "nil", "absent"], ""),
    ],
)
def test_what_javascript_signed_counts_by_power_alone(page: Page, signers: list[str], rule: str) -> None:
    told = judged(bundle(page, signers))
    assert rule == (told.rule if isinstance(told, Verdict) else "")


def test_strangers_of_a_javascript_peer_are_not_believed(page: Page) -> None:
    strangers = [cast.seed_of(f"stranger {name}") for name in "ABCD"]
    told = judged(bundle(page, ["commit"] * 4, seeds=strangers))
    assert isinstance(told, Verdict)
    assert told.rule == "trust"


@pytest.mark.parametrize("opened", [[0], [2, 3, 4], list(range(7)), [0, 6]])
def test_handles_proven_in_javascript_are_covered_in_python(page: Page, opened: list[int]) -> None:
    given = {"salt": cast.SALT.hex(), "records": list(cast.RECORDS), "opened": opened}
    told = page.evaluate("given => window.peerHandles(given)", given)
    handles, path = (tuple(b64u_decode(each, 32) for each in told[name]) for name in ("handles", "path"))
    root = b64u_decode(told["root"], 32)
    assert handles_covered(HandleProof(handles, tuple(told["indices"]), path), told["size"], root)
    other = HandleProof((b"\0" * 32, *handles[1:]), tuple(told["indices"]), path)
    assert not handles_covered(other, told["size"], root)


def test_transactions_signed_in_javascript_are_taken_by_the_ledger(page: Page) -> None:
    """Fresh nonces and signatures, through the rules of a real application."""
    ledger = cast.Chain()
    common = {"ledger": cast.LEDGER, "issuedAt": cast.NOON, "lifeMs": 3_600_000}
    newcomer = cast.Member("A Newcomer")
    own = {"did": newcomer.did, "keyset": msgspec.to_builtins(newcomer.keyset), "custody": "self"}
    given = {"type": "DidRegistered", "common": {**common, "author": newcomer.did}, "own": own}
    wire = page.evaluate("given => window.peerTx(given)", {**given, "seed": newcomer.seed.hex()}).encode()
    assert ledger.one(wire) == "OK"
    stolen = page.evaluate("given => window.peerTx(given)", {**given, "seed": cast.AMINA.seed.hex()}).encode()
    assert cast.Chain().one(stolen) == "SIGNATURE_INVALID"

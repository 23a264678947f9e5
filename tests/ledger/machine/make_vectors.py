"""Write vectors/ledger/*.json, which Python and JavaScript both run.

`python -m tests.ledger.machine.make_vectors` writes them; a test refuses files that this does not reproduce.
Every key and time follows from a name or a constant.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from ledger.machine.proofs import prove
from ledger.machine.state import StateTree
from ledger.types import canonical, merkle, rpc_json, tx
from ledger.types.block import data_hash, tx_proof
from ledger.types.canonical import b64u_encode, tagged_hash
from ledger.types.commit import ABSENT, Commit, CommitSig
from ledger.types.did import SUITE_HYBRID, SUITE_X25519, KeySet, SealingKey, did_of, next_commitment
from ledger.types.handles import handle, handles_root, prove_handles, wrap_hash, wraps_hash
from ledger.types.header import Header, Version
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.signing import public_key_of, sign
from ledger.types.tx_change import (
    CandidateStands,
    Change,
    ElectionChanges,
    KeyRotates,
    PowerChanges,
    ValidatorJoins,
    ValidatorLeaves,
)
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType
from tests.ledger.machine import cast
from tests.ledger.machine.cast import b64u_of, seed_of

FOLDER = Path(__file__).resolve().parents[3] / "vectors" / "ledger"
NONCE = b64u_of("nonce of a vector", 16)
VALIDATOR_SEED = seed_of("validator of a vector")
APP_STATE = StateTree().update({b"key/1": b"value 1", b"key/2": b"value 2"})
HEADER_TIME_NS = cast.NOON * 1_000_000 + 123_456_789


def canonical_vectors() -> dict[str, Any]:
    values: list[Any] = [
        {"b": 1, "a": [True, False, None], "€": "中文", "\U0001f600": "", "ﬁ": '"\\\n\t\u0001\u007f'},
        [2**53 - 1, -(2**53) + 1, 0],
        "\u2028/é",
        {},
        [],
    ]
    good = [{"value": value, "bytes": canonical.dumps(value).decode()} for value in values]
    refused = ['{"a":1, "b":2}', '{"b":1,"a":2}', '{"a":1,"a":1}', "1.0", "1e3", "-0", "9007199254740993"]
    refused += ['"\\u0061"', '"\\ud800"', "[1,]", "", " 1", '"\\/"', "NaN"]
    hashes = [
        {"tag": "salus/example/v1", "parts": parts, "hash": tagged_hash("salus/example/v1", *raw).hex()}
        for parts, raw in (
            ([], []),
            (["", "00"], [b"", b"\0"]),
            (["0001", ""], [b"\0\1", b""]),
            (["ff" * 300], [b"\xff" * 300]),
        )
    ]
    bad_b64u = ["A", "AB", "AA==", "AA+", "A A", "AAB", "é"]
    return {"good": good, "refused": refused, "hashes": hashes, "refused_b64u": bad_b64u}


def did_vectors() -> dict[str, Any]:
    sealing = (
        SealingKey("#seal-1", SUITE_X25519, b64u_of("seal"), 1),
        SealingKey("#seal-2", SUITE_HYBRID, b64u_encode(bytes(range(64)) * 19), 2),
    )
    sets = [cast.LI_MEI.keyset, KeySet(cast.AMINA.keyset.keys, sealing, cast.AMINA.keyset.next)]
    recovery = public_key_of(cast.LI_MEI.recovery_seed)
    return {
        "keysets": [{"keyset": msgspec.to_builtins(each), "did": did_of(each)} for each in sets],
        "next": {"public": recovery.hex(), "next": next_commitment(recovery)},
    }


def tx_vectors() -> list[dict[str, Any]]:
    three = tuple(b64u_of(f"record {n}", 16) for n in range(3))
    wires = [
        (cast.register(cast.LI_MEI, nonce=NONCE), cast.LI_MEI.seed),
        (cast.rotate(cast.LI_MEI, nonce=NONCE), cast.LI_MEI.recovery_seed),
        (cast.admit(cast.RIVERSIDE, "hospital", nonce=NONCE), cast.AUTHORITY.seed),
        (cast.anchor(nonce=NONCE), cast.RIVERSIDE.seed),
        (cast.acknowledge(cast.LI_MEI, *three, nonce=NONCE), cast.LI_MEI.seed),
        (cast.audit(cast.NORTH_LAKE, three[0], "failed", nonce=NONCE), cast.NORTH_LAKE.seed),
        (cast.renewal(public_key_of(VALIDATOR_SEED), VALIDATOR_SEED, 7, nonce=NONCE), VALIDATOR_SEED),
        (cast.grant(nonce=NONCE), cast.LI_MEI.seed),
        (cast.revoke(nonce=NONCE), cast.LI_MEI.seed),
        (cast.access(cast.handles()[2:5], nonce=NONCE), cast.ACCESS_SEED),
        *((cast.signed(body, cast.RIVERSIDE), cast.RIVERSIDE.seed) for body in _of_organisations()),
    ]
    return [_tx_vector(wire, seed) for wire, seed in wires]


def _of_organisations() -> list[tx.Body]:
    """What organisations say besides: of clinicians, of governance (every kind of change), of checkpoints."""
    common = cast.fields(cast.RIVERSIDE.did, nonce=NONCE)
    credential, proposal = b64u_of("credential"), b64u_of("proposal", 16)
    reached = {"moniker": "lakeside", "host": "::1", "port": 26656, "certificate": b64u_of("x", 64) * 2}
    public, replaces = b64u_of("newcomer"), b64u_of("leaver")
    changes: list[Change] = [
        ValidatorJoins(public=public, power=10**12, **reached),
        KeyRotates(public=public, replaces=replaces, **reached),
        PowerChanges(public=public, power=1),
        CandidateStands(public=public, organisation=cast.RIVERSIDE.did, **reached),
        ElectionChanges(every=1000, seats=7, availability=1, contribution=10),
        ValidatorLeaves(public=replaces),
    ]
    return [
        tx.ClinicianRegistered(**common, credential=credential, role="Physician 医生", valid_until=cast.NOON),
        tx.ClinicianRevoked(**common, credential=credential),
        *(tx.GovernanceProposed(**common, proposal=proposal, change=change) for change in changes),
        *(tx.GovernanceVoted(**common, proposal=proposal, approve=approve) for approve in (True, False)),
        tx.CheckpointRequested(**common),
    ]


def refused_tx_vectors() -> list[dict[str, str]]:
    """Wires that nobody may take for a transaction: one spelling, one form, nothing left out or added."""
    wire = cast.revoke(nonce=NONCE).decode()
    document = json.loads(wire)
    signature = document["signatures"][0]

    def spelled(**changes: Any) -> str:
        return canonical.dumps({**document, **changes}).decode()

    def body(**changes: Any) -> str:
        kept = {k: v for k, v in {**document["body"], **changes}.items() if v is not ...}
        return spelled(body=kept)

    cases = {
        "a space": wire.replace(":", ": ", 1),
        "a line end after it": wire + "\n",
        "keys out of order": '{"signatures":' + wire.split('"signatures":')[1][:-1] + ',"body":1}',
        "a key twice": wire.replace('"version":1', '"version":1,"version":1'),
        "an escaped letter": wire.replace('"ConsentRevoked"', '"\\u0043onsentRevoked"'),
        "a float": wire.replace('"version":1', '"version":1.0'),
        "cut off": wire[:-1],
        "empty": "",
        "an array": "[]",
        "null": "null",
        "no signature": spelled(signatures=[]),
        "two signatures": spelled(signatures=[signature, signature]),
        "a short signature": spelled(signatures=[{**signature, "signature": signature["signature"][:-4]}]),
        "a padded signature": spelled(signatures=[{**signature, "signature": signature["signature"] + "=="}]),
        "a field beside the body": spelled(more=1),
        "a field too many": body(more=1),
        "a field too few": body(consent=...),
        "no type": body(type=...),
        "another type": body(type="ConsentGranted"),
        "a type of no kind": body(type="constructor"),
        "too large": body(more="x" * tx.MAX_TX_BYTES),
    }
    return [{"what": what, "wire": wire} for what, wire in cases.items()]


def byte_vectors() -> dict[str, Any]:
    """Bytes of headers, votes, commits and validator sets in the corners of their encodings."""
    rng = Random(7)
    ids = [BlockID(), BlockID(rng.randbytes(32), PartSetHeader(3, rng.randbytes(32)))]
    times = [0, 1, 10**9, HEADER_TIME_NS, -62_135_596_800 * 10**9]
    places = [(1, 0), (2**31, 2**31 - 1), (2**63 - 1, 1)]
    votes = [
        _vote_vector(block_id, *place, time_ns) for block_id in ids for place in places for time_ns in times
    ]
    sets = [[1], [1] * 4, [7, 7, 10**12, 1], [rng.randint(1, 10**9) for _ in range(33)]]
    headers = [_any_header(rng, time_ns, height) for time_ns in times[:4] for height, _round in places]
    return {
        "votes": votes,
        "validators": [_set_vector(powers) for powers in sets],
        "headers": [{"header": rpc_json.header_to_json(h), "hash": h.hash.hex()} for h in headers],
    }


def _vote_vector(block_id: BlockID, height: int, round_: int, time_ns: int) -> dict[str, Any]:
    flag = 2 if block_id.hash else 3
    entry = {"block_id_flag": flag, "timestamp": rpc_json.time_to_text(time_ns)}
    commit = {"height": str(height), "round": round_, "block_id": rpc_json.block_id_to_json(block_id)}
    vote = Vote(VoteType.PRECOMMIT, height, round_, block_id, time_ns)
    return {"commit": commit, "entry": entry, "sign_bytes": vote.sign_bytes(cast.LEDGER).hex()}


def _set_vector(powers: list[int]) -> dict[str, Any]:
    publics = [public_key_of(seed_of(f"member {at}")) for at in range(len(powers))]
    members = ValidatorSet.of(Validator.of(*pair) for pair in zip(publics, powers, strict=True))
    return {
        "validators": [rpc_json.validator_to_json(each) for each in members.validators],
        "hash": members.hash.hex(),
    }


def _any_header(rng: Random, time_ns: int, height: int) -> Header:
    """Full digests, and at the lowest height empty ones, as in a first block."""
    digest = (lambda: b"") if height == 1 else (lambda: rng.randbytes(32))
    last = BlockID() if height == 1 else BlockID(rng.randbytes(32), PartSetHeader(1, rng.randbytes(32)))
    digests = (
        digest(),
        digest(),
        rng.randbytes(32),
        digest(),
        digest(),
        rng.randbytes(32),
        digest(),
        digest(),
    )
    return Header(
        Version(11, height % 3), "链-" + "x" * 40, height, time_ns, last, *digests, rng.randbytes(20)
    )


def _tx_vector(wire: bytes, seed: bytes) -> dict[str, Any]:
    signed = tx.decode_tx(wire)
    return {
        "body": json.loads(wire)["body"],
        "key": signed.key_id,
        "seed": seed.hex(),
        "public": public_key_of(seed).hex(),
        "signed_bytes_sha256": tx.tx_hash(signed.signed_bytes).hex(),
        "wire": wire.decode(),
        "hash": signed.hash.hex(),
    }


def merkle_vectors() -> list[dict[str, Any]]:
    cases = [(1, [0]), (2, [1]), (3, [0, 2]), (5, [4]), (7, [2, 3, 4]), (8, list(range(8))), (13, [0, 6, 12])]
    return [_merkle_vector([f"leaf {n}".encode() for n in range(size)], indices) for size, indices in cases]


def _merkle_vector(leaves: list[bytes], indices: list[int]) -> dict[str, Any]:
    return {
        "leaves": [leaf.hex() for leaf in leaves],
        "root": merkle.root(leaves).hex(),
        "indices": indices,
        "path": [sibling.hex() for sibling in merkle.multiproof(leaves, indices)],
        "proofs": [rpc_json.proof_to_json(merkle.proof(leaves, index)) for index in range(len(leaves))],
    }


def handle_vectors() -> dict[str, Any]:
    handles = [handle(cast.SALT, record) for record in cast.RECORDS]
    proof = prove_handles(handles, handles[2:5])
    wraps = [bytes([n]) * 60 for n in range(3)]
    return {
        "salt": cast.SALT.hex(),
        "records": list(cast.RECORDS),
        "handles": [each.hex() for each in handles],
        "root": handles_root(handles).hex(),
        "opened": [each.hex() for each in proof.handles],
        "indices": list(proof.indices),
        "path": [each.hex() for each in proof.path],
        "wraps": [each.hex() for each in wraps],
        "wraps_hash": wraps_hash([wrap_hash(each) for each in wraps]),
    }


def state_vectors() -> list[dict[str, Any]]:
    vectors = []
    for size in (1, 2, 9, 40):
        tree = StateTree().update({f"key/{n}".encode(): f"value {n}".encode() for n in range(size)})
        keys = [f"key/{n}".encode() for n in (0, size - 1, size, size + 1, size + 7)]
        proofs = [_state_proof(tree, key) for key in keys]
        vectors.append({"root": tree.root.hex(), "proofs": proofs})
    return vectors


def _state_proof(tree: StateTree, key: bytes) -> dict[str, Any]:
    value = tree.get(key)
    text = None if value is None else value.decode()
    return {"key": key.decode(), "value": text, "proof": prove(tree, key).hex()}


Mutation = Callable[[dict[str, Any]], None]


def light_vectors() -> dict[str, Any]:
    """A block signed by four validators (the third absent), and what a liar makes of it."""
    good = _bundle()
    trusted = {
        "chain_id": cast.LEDGER,
        "validators_hash": good["signed_header"]["header"]["validators_hash"],
    }
    refused = [_mutated(good, rule, what, change) for rule, what, change in _mutations()]
    expected = {"height": 7, "time": HEADER_TIME_NS // 1_000_000, "signed": 3, "total": 4}
    state = [_state_proof(APP_STATE, key) for key in (b"key/1", b"key/3")]
    return {"trusted": trusted, "bundle": good, "expected": expected, "refused": refused, "state": state}


def _bundle() -> dict[str, Any]:
    seeds = {public_key_of(seed): seed for seed in (seed_of(f"validator {name}") for name in "ABCD")}
    validators = ValidatorSet.of(Validator.of(public, 10) for public in seeds)
    txs = [cast.register(cast.LI_MEI, nonce=NONCE), cast.grant(nonce=NONCE), cast.revoke(nonce=NONCE)]
    members = [member for index in range(4) if (member := validators.get(index)) is not None]
    header = _header(validators, txs)
    block_id = BlockID(header.hash, PartSetHeader(1, merkle.leaf_hash(b"part")))
    slots = tuple(_slot(block_id, member, seeds[member.public_key], at) for at, member in enumerate(members))
    commit = Commit(7, 1, block_id, slots)
    return {
        "signed_header": {
            "header": rpc_json.header_to_json(header),
            "commit": rpc_json.commit_to_json(commit),
        },
        "validators": [rpc_json.validator_to_json(member) for member in members],
        "tx": rpc_json.base64_text(txs[1]),
        "proof": rpc_json.proof_to_json(tx_proof(txs, 1)),
    }


def _header(validators: ValidatorSet, txs: list[bytes]) -> Header:
    filler = merkle.leaf_hash(b"filler")
    return Header(
        Version(11, 1),
        cast.LEDGER,
        7,
        HEADER_TIME_NS,
        BlockID(filler, PartSetHeader(1, filler)),
        *(filler, data_hash(txs), validators.hash, validators.hash, filler, APP_STATE.root, filler),
        merkle.root([]),
        filler[:20],
    )


def _slot(block_id: BlockID, member: Validator, seed: bytes, index: int) -> CommitSig:
    if index == 2:
        return ABSENT
    vote = Vote(
        VoteType.PRECOMMIT, 7, 1, block_id, HEADER_TIME_NS + index * 10**9, member.address, index, b""
    )
    return CommitSig.of(replace(vote, signature=sign(seed, vote.sign_bytes(cast.LEDGER))))


def _mutated(good: dict[str, Any], rule: str, what: str, change: Mutation) -> dict[str, Any]:
    bad = copy.deepcopy(good)
    change(bad)
    return {"what": what, "rule": rule, "bundle": bad}


def _mutations() -> list[tuple[str, str, Mutation]]:
    def header(**own: str) -> Mutation:
        return lambda bundle: bundle["signed_header"]["header"].update(own)

    def slots(change: Callable[[list[dict[str, Any]]], None]) -> Mutation:
        return lambda bundle: change(bundle["signed_header"]["commit"]["signatures"])

    def absent(slot: dict[str, Any]) -> None:
        slot.update(block_id_flag=1, validator_address="", signature=None, timestamp="0001-01-01T00:00:00Z")

    other = rpc_json.base64_text(cast.revoke(nonce=NONCE))
    return [
        ("chain", "another chain", header(chain_id="salus-other")),
        ("validators", "another validators hash", header(validators_hash="AA" * 32)),
        ("validators", "one validator fewer", lambda bundle: bundle["validators"].pop()),
        ("validators", "more power", lambda bundle: bundle["validators"][0].update(voting_power="100")),
        ("commit", "a changed app hash", header(app_hash="BB" * 32)),
        ("commit", "a changed time", header(time="2026-01-01T00:00:01Z")),
        ("commit", "another height", lambda bundle: bundle["signed_header"]["commit"].update(height="8")),
        ("quorum", "two of four", slots(lambda all_: absent(all_[0]))),
        ("quorum", "a vote for nil", slots(lambda all_: all_[0].update(block_id_flag=3))),
        ("commit", "swapped addresses", slots(_swap_addresses)),
        ("commit", "one vote counted twice", slots(lambda all_: all_[2].update(all_[0]))),
        ("commit", "an entry too many", slots(lambda all_: all_.append(all_[0]))),
        (
            "signature",
            "a vote's time changed",
            slots(lambda all_: all_[1].update(timestamp="2026-01-01T00:00:09Z")),
        ),
        ("signature", "another round", lambda bundle: bundle["signed_header"]["commit"].update(round=2)),
        (
            "signature",
            "another's signature",
            slots(lambda all_: all_[1].update(signature=all_[0]["signature"])),
        ),
        ("inclusion", "another transaction", lambda bundle: bundle.update(tx=other)),
        ("inclusion", "another index", lambda bundle: bundle["proof"].update(index="0")),
        ("inclusion", "another total", lambda bundle: bundle["proof"].update(total="2")),
        ("inclusion", "no aunts", lambda bundle: bundle["proof"].update(aunts=[])),
        ("form", "no commit", lambda bundle: bundle["signed_header"].pop("commit")),
        ("form", "a number that is none", header(height="7e0")),
        ("form", "a time without zone", header(time="2026-01-01T00:00:00")),
    ]


def _swap_addresses(slots: list[dict[str, Any]]) -> None:
    one, two = slots[0]["validator_address"], slots[1]["validator_address"]
    slots[0]["validator_address"], slots[1]["validator_address"] = two, one


MAKERS: dict[str, Callable[[], Any]] = {
    "canonical": canonical_vectors,
    "did": did_vectors,
    "tx": tx_vectors,
    "refused_tx": refused_tx_vectors,
    "bytes": byte_vectors,
    "merkle": merkle_vectors,
    "handles": handle_vectors,
    "state": state_vectors,
    "light": light_vectors,
}


def rendered(name: str) -> str:
    """The text of vectors/ledger/<name>.json."""
    return json.dumps(MAKERS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in MAKERS:
        (FOLDER / f"{name}.json").write_text(rendered(name), encoding="utf-8")

"""Li Mei's consent as two proofs show it: facts and bundles, played by Python and by JavaScript."""

import json
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ledger.light.bundle import verify_consent
from ledger.light.consent import ConsentKnowledge, StateFact, consent_knowledge
from ledger.light.light_json import light_block_to_json
from ledger.light.root import Root
from ledger.light.verdict import Options, TrustedState, Verdict
from ledger.machine.proofs import prove
from ledger.machine.rules.consent import entry_of
from ledger.machine.state import StateTree
from ledger.types.block import tx_proof
from ledger.types.did import encode
from ledger.types.rpc_json import base64_text, proof_to_json
from ledger.types.tx import ConsentGranted, ConsentRevoked, sign_tx
from tests.ledger.light.chain import CHAIN, SECOND, START, Plan, grow, validators_of
from tests.ledger.machine.cast import Member, b64u_of

Json = dict[str, Any]
CONSENT = "AAAAAAAAAAAAAAAAAAAAAA"
KEY = f"consent/{CONSENT}"
OPTIONS = Options(3600 * SECOND)
NOW = START + 60 * SECOND
ENTRY = {"subject": "did:salus:u-li-mei", "state": "granted", "opens": 0, "valid_until": 9, "height": 3}


def entry(**changes: Any) -> str:
    return json.dumps({**ENTRY, **changes}, sort_keys=True, separators=(",", ":"))


STATES = {
    height: StateTree().update({b"other": b"1", **({KEY.encode(): value.encode()} if value else {})})
    for height, value in {
        2: None,
        3: entry(),
        8: entry(opens=2),
        10: entry(opens=2, state="revoked"),
    }.items()
}
"""The state after the block of each height."""


def state_at(height: int) -> StateTree:
    return STATES[max(at for at in (2, *STATES) if at <= max(height, 2))]


BLOCKS = grow(Plan(lambda height: "ABCD", app=lambda height: state_at(height - 1).root), 12)
FORGED = grow(Plan(lambda height: "EFGH", app=lambda height: state_at(8).root), 12)


def bundle(height: int, key: str = KEY, **changes: Any) -> Json:
    """What the state held after the block at `height`, proven by the header after it."""
    tree = state_at(height)
    value = tree.get(key.encode())
    return {
        **light_block_to_json(BLOCKS[height + 1]),
        "key": key,
        "value": None if value is None else base64_text(value),
        "proof": base64_text(prove(tree, key.encode())),
        **changes,
    }


ROOT = Root((TrustedState.of(BLOCKS[1]),))
Answer = list[Any]


def told(known: ConsentKnowledge | Verdict) -> Answer:
    if isinstance(known, Verdict):
        return ["refused", known.rule]
    return [known.standing.value, known.granted_height, known.known_height, known.age_ms]


@dataclass(frozen=True)
class FactCase:
    granted: StateFact
    latest: StateFact
    expected: Answer

    def play(self) -> Answer:
        return told(consent_knowledge(CONSENT, self.granted, self.latest, NOW))

    def to_json(self) -> Json:
        facts = {"granted": _fact_json(self.granted), "latest": _fact_json(self.latest)}
        return {"consent": CONSENT, "now": NOW // 1_000_000, **facts}


def _fact_json(fact: StateFact) -> Json:
    value = None if fact.value is None else fact.value.decode()
    return {
        "key": fact.key.decode(),
        "value": value,
        "height": fact.height,
        "time": fact.time_ns // 1_000_000,
    }


def fact(height: int, value: str | None, key: str = KEY) -> StateFact:
    return StateFact(key.encode(), None if value is None else value.encode(), height, START + height * SECOND)


FIRST = fact(3, entry())
REFUSED = ["refused", "consent"]
FACTS: dict[str, FactCase] = {
    "granted and not revoked": FactCase(FIRST, fact(9, entry()), ["granted", 3, 9, 51_000]),
    "opened meanwhile": FactCase(FIRST, fact(9, entry(opens=2)), ["granted", 3, 9, 51_000]),
    "revoked meanwhile": FactCase(FIRST, fact(11, entry(state="revoked")), ["revoked", 3, 11, 49_000]),
    "one proof for both": FactCase(FIRST, FIRST, ["granted", 3, 3, 57_000]),
    "never granted": FactCase(fact(3, None), fact(9, entry()), REFUSED),
    "revoked already at first": FactCase(fact(3, entry(state="revoked")), fact(9, entry()), REFUSED),
    "gone later": FactCase(FIRST, fact(9, None), REFUSED),
    "fewer opens later": FactCase(fact(3, entry(opens=3)), fact(9, entry(opens=2)), REFUSED),
    "another subject later": FactCase(FIRST, fact(9, entry(subject="mallory")), REFUSED),
    "a longer validity later": FactCase(FIRST, fact(9, entry(valid_until=99)), REFUSED),
    "earlier than the first": FactCase(fact(9, entry()), fact(3, entry()), REFUSED),
    "another consent's entry": FactCase(FIRST, fact(9, entry(), key="consent/mallory"), REFUSED),
    "an unknown state": FactCase(FIRST, fact(9, entry(state="paused")), REFUSED),
    "not an entry": FactCase(FIRST, fact(9, "[]"), REFUSED),
    "not JSON": FactCase(FIRST, fact(9, "{"), REFUSED),
    "from the future": FactCase(FIRST, fact(61, entry()), ["refused", "future"]),
}


@dataclass(frozen=True)
class BundleCase:
    granted: Json
    latest: Json
    expected: Answer
    root: Root = ROOT

    def play(self) -> Answer:
        return told(verify_consent(CONSENT, self.granted, self.latest, self.root, OPTIONS, NOW))

    def to_json(self) -> Json:
        trusted = {"chain_id": CHAIN, "validators_hash": validators_of("ABCD").hash.hex().upper()}
        bundles = {"granted": self.granted, "latest": self.latest}
        return {"consent": CONSENT, "now": NOW // 1_000_000, "trusted": trusted, **bundles}


BUNDLES: dict[str, BundleCase] = {
    "granted and not revoked": BundleCase(bundle(3), bundle(9), ["granted", 3, 9, 51_000]),
    "revoked meanwhile": BundleCase(bundle(3), bundle(11), ["revoked", 3, 11, 49_000]),
    "not yet granted at first": BundleCase(bundle(2), bundle(9), REFUSED),
    "an old state passed for a new one": BundleCase(
        bundle(3), {**bundle(9), **light_block_to_json(BLOCKS[12])}, ["refused", "state"]
    ),
    "a value put in": BundleCase(
        bundle(3), bundle(11, value=base64_text(entry().encode())), ["refused", "state"]
    ),
    "absence claimed of what is there": BundleCase(bundle(3), bundle(9, value=None), ["refused", "state"]),
    "an inclusion proof passed for a state": BundleCase(
        bundle(3), {**bundle(9), "proof": base64_text(b"\x0a\x00")}, ["refused", "state"]
    ),
    "a header without its signatures": BundleCase(
        bundle(3),
        {**bundle(9), **light_block_to_json(replace(BLOCKS[10], commit=BLOCKS[9].commit))},
        ["refused", "commit"],
    ),
    "no proof": BundleCase(
        bundle(3), {k: v for k, v in bundle(9).items() if k != "proof"}, ["refused", "form"]
    ),
}


def _grant() -> ConsentGranted:
    member = Member("Li Mei")
    common = {"ledger": CHAIN, "author": member.did, "nonce": CONSENT, "issued_at": 1, "not_after": 2}
    hashes = dict.fromkeys(
        ("artefact", "handles_root", "requester", "organisation", "access_key"), b64u_of("x")
    )
    own = {"consent": CONSENT, "subject": member.did, "handles": 1, "custody": "self", **hashes}
    times = {"valid_from": 1, "valid_until": 9, "max_opens": 0, "erase_at": 9}
    return ConsentGranted(**common, **own, **times)


GRANT = _grant()
GRANT_WIRE = sign_tx(GRANT, "#key-1", Member("Li Mei").seed)


def _grant_states(**later: Any) -> dict[int, StateTree]:
    entry_then = entry_of(GRANT, 3)
    entry_now = msgspec.structs.replace(entry_then, **later)
    return {
        height: StateTree().update({b"other": b"1", KEY.encode(): encode(value)})
        for height, value in {3: entry_then, 8: entry_now}.items()
    }


def _grant_case(expected: Answer, tx: bytes = GRANT_WIRE, **later: Any) -> BundleCase:
    """The grant's inclusion in block 3, then the state after block 9."""
    states = _grant_states(**later)
    roots = {height: states[8 if height > 8 else 3].root for height in range(1, 13)}
    blocks = grow(
        Plan(
            lambda height: "ABCD",
            app=lambda height: roots[height],
            txs=lambda height: (tx,) if height == 3 else (),
        ),
        12,
    )
    included = {"tx": base64_text(tx), "proof": proof_to_json(tx_proof((tx,), 0))}
    granted = {**light_block_to_json(blocks[3]), **included}
    value = states[8].get(KEY.encode())
    latest = {
        "key": KEY,
        "value": base64_text(value or b""),
        "proof": base64_text(prove(states[8], KEY.encode())),
    }
    return BundleCase(
        granted, {**light_block_to_json(blocks[10]), **latest}, expected, Root((TrustedState.of(blocks[1]),))
    )


def _revocation() -> bytes:
    member, common = Member("Li Mei"), {"ledger": CHAIN, "issued_at": 1, "not_after": 2}
    body = ConsentRevoked(author=member.did, nonce=CONSENT, consent=CONSENT, subject=member.did, **common)
    return sign_tx(body, "#key-1", member.seed)


BUNDLES |= {
    "granted by inclusion and not revoked": _grant_case(["granted", 3, 9, 51_000]),
    "granted by inclusion and opened": _grant_case(["granted", 3, 9, 51_000], opens=3),
    "granted by inclusion, revoked meanwhile": _grant_case(["revoked", 3, 9, 51_000], state="revoked"),
    "granted by inclusion, another artefact in the state": _grant_case(REFUSED, artefact=b64u_of("y")),
    "granted by inclusion at another height than the state says": _grant_case(REFUSED, height=4),
    "the inclusion of a revocation passed for a grant": _grant_case(REFUSED, _revocation()),
}
_swapped = BUNDLES["granted by inclusion and not revoked"]
BUNDLES["inclusion passed for what came later"] = replace(
    _swapped, latest=_swapped.granted, expected=["refused", "consent"]
)

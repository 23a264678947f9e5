"""Li Mei's consent as two proofs show it: facts and bundles, played by Python and by JavaScript."""

import json
from dataclasses import dataclass, replace
from typing import Any

from ledger.light.bundle import verify_consent
from ledger.light.consent import ConsentKnowledge, StateFact, consent_knowledge
from ledger.light.light_json import light_block_to_json
from ledger.light.root import Root
from ledger.light.verdict import Options, TrustedState, Verdict
from ledger.machine.proofs import prove
from ledger.machine.state import StateTree
from ledger.types.rpc_json import base64_text
from tests.ledger.light.chain import CHAIN, SECOND, START, Plan, grow, validators_of

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

    def play(self) -> Answer:
        return told(verify_consent(CONSENT, self.granted, self.latest, ROOT, OPTIONS, NOW))

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

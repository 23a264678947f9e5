"""Verdicts in words, for people who were handed a proof."""

from ledger.light.bundle import Proven
from ledger.light.consent import StateFact
from ledger.light.verdict import Outcome, Verdict
from ledger.types.rpc_json import time_to_text
from ledger.types.tx import SignedTx

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age_words(age_ms: int) -> str:
    """An age in its two greatest units."""
    rest, found = age_ms // 1000, list[str]()
    for seconds, unit in _UNITS:
        if rest >= seconds or (unit == "s" and not found):
            found.append(f"{rest // seconds} {unit}")
            rest %= seconds
    return " ".join(found[:2])


def refusal_words(verdict: Verdict) -> str:
    """Why nothing is proven, and what to do."""
    if verdict.outcome is Outcome.NOT_ENOUGH_TRUST:
        return (
            f"NOT ENOUGH TRUST ({verdict.rule}): {verdict.reason}.\n"
            "Nothing is wrong with the proof as such. Add the light blocks between (export --genesis), or"
            " start from an older trusted block or from the genesis."
        )
    return f"REFUSED ({verdict.rule}): {verdict.reason}.\nDo not rely on this proof."


def proven_words(proven: Proven, root: str) -> str:
    """What is proven, by whom, and how old it is."""
    header, (signed, total) = proven.block.header, proven.signed
    head, *facts = _tx(proven.fact) if isinstance(proven.fact, SignedTx) else _state(proven.fact)
    lines = [
        *facts,
        ("ledger", header.chain_id),
        ("block", f"{header.height}, signed by {signed} of {total} validators"),
        ("time", time_to_text(header.time_ns)),
        ("age", f"{age_words(proven.age_ms)}; what happened since, this proof does not say"),
        ("trusted", root),
    ]
    return "\n".join([f"VERIFIED: {head[1]}", *(f"  {name:<12} {value}" for name, value in lines)])


def _tx(tx: SignedTx) -> list[tuple[str, str]]:
    return [
        ("", "this transaction is on the ledger."),
        ("transaction", tx.hash.hex().upper()),
        ("type", type(tx.body).__name__),
        ("author", tx.body.author),
    ]


def _state(fact: StateFact) -> list[tuple[str, str]]:
    held = fact.value is not None
    said = "the ledger's state held this." if held else "the ledger's state held nothing under this key."
    value = [("value", fact.value.decode("utf-8", "backslashreplace"))] if fact.value is not None else []
    return [("", said), ("key", fact.key.decode()), *value, ("state after", f"block {fact.height}")]

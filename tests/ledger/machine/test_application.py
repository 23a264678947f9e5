"""The application as its engine sees it: filtering, refusing, determinism, proofs, snapshots."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.machine import execution
from ledger.machine.application import Application, OutOfOrder, UnknownVersion
from ledger.machine.execution import TxMemory
from ledger.machine.genesis import GenesisError
from ledger.machine.proofs import verify_absence, verify_presence
from ledger.machine.snapshot import SnapshotError, encode_snapshot
from ledger.native import Signed
from ledger.types import signing, tx
from ledger.types.tx_errors import Code
from tests.ledger.machine.cast import (
    APP_STATE,
    CONSENT,
    HOUR,
    LEDGER,
    LI_MEI,
    MALLORY,
    NOON,
    RIVERSIDE,
    Chain,
    access,
    admit,
    anchor,
    b64u_of,
    consortium,
    grant,
    register,
    resign,
    revoke,
)

ROOT = Path(__file__).resolve().parents[3]


def test_a_proposal_keeps_what_passes_in_order_and_within_the_limit() -> None:
    chain = consortium()
    good, bad, later = grant(), access(consent=b64u_of("none", 16)), access()
    assert chain.app.prepare_proposal([later, good, bad, good, later], 10**6, NOON + 9) == [good, later]
    assert chain.app.prepare_proposal([good, later], len(good), NOON + 9) == [good]
    assert chain.app.prepare_proposal([good, later], len(good) - 1, NOON + 9) == []


def test_a_prepared_proposal_is_always_accepted() -> None:
    chain = consortium()
    txs = chain.app.prepare_proposal(
        [grant(), revoke(), access(), b"garbage", register(MALLORY)], 10**6, NOON + 9
    )
    assert chain.app.process_proposal(txs, NOON + 9)
    assert len(txs) == 3


def test_a_block_with_one_failing_transaction_is_refused() -> None:
    chain = consortium()
    assert chain.app.process_proposal([grant()], NOON + 9)
    for failing in (b"", b"garbage", grant(MALLORY), revoke(consent=b64u_of("none", 16))):
        assert not chain.app.process_proposal([grant(), failing], NOON + 9)
        assert not chain.app.process_proposal([failing, grant()], NOON + 9)


def test_order_in_the_block_decides() -> None:
    chain = consortium()
    assert chain.app.process_proposal([grant(), access()], NOON + 9)
    assert not chain.app.process_proposal([access(), grant()], NOON + 9)


def test_the_same_block_is_judged_by_its_own_time() -> None:
    """A result that is kept for reuse must not be taken for another header time."""
    chain = consortium()
    wire = grant(not_after=NOON + 50)
    assert chain.app.process_proposal([wire], NOON + 50)
    assert not chain.app.process_proposal([wire], NOON + 51)
    assert chain.app.process_proposal([wire], NOON + 50)


def test_a_decided_failing_transaction_has_a_code_and_no_effect() -> None:
    chain = consortium()
    before = chain.app.info().app_hash
    (result,) = chain.block(b"garbage")
    assert (result.code, result.body, result.events) == (Code.TX_MALFORMED, None, ())
    assert chain.app.info().app_hash == before


def test_nothing_is_visible_before_commit_and_proposals_leave_no_trace() -> None:
    chain = consortium()
    before = chain.app.info()
    key = f"consent/{CONSENT}".encode()
    wire = grant()
    chain.app.process_proposal([wire], NOON + 9)
    chain.app.process_proposal([wire, access()], NOON + 9)
    result = chain.app.finalize_block([wire], before.height + 1, NOON + 9)
    assert chain.app.info() == before
    assert chain.app.query(key).value is None
    after = chain.app.commit()
    assert (after.height, after.app_hash, after.time_ms) == (before.height + 1, result.app_hash, NOON + 9)
    assert chain.app.query(key).value is not None


def test_a_proposal_that_was_not_decided_leaves_no_trace_in_the_next_block() -> None:
    one, two = consortium(), consortium()
    two.app = Application.restore(one.app.snapshot(), one.app.info().app_hash)
    wires = [grant(), access()]
    one.app.prepare_proposal([register(MALLORY), *wires], 10**6, NOON + 5)
    one.app.process_proposal(wires[:1], NOON + 6)
    for chain in (one, two):
        chain.block(*wires, time_ms=NOON + 7)
    assert one.app.info() == two.app.info()


def test_events_tell_what_happened_and_the_body_comes_along() -> None:
    (result,) = consortium().block(grant())
    assert isinstance(result.body, tx.ConsentGranted)
    assert [event.type for event in result.events] == ["consent_granted"]
    assert dict(result.events[0].attributes) == {"consent": CONSENT, "subject": LI_MEI.did, "custody": "self"}


def test_methods_out_of_order_stop_the_node() -> None:
    app = Application()
    with pytest.raises(OutOfOrder, match="genesis"):
        app.check_tx(grant(), NOON)
    app.init_chain(LEDGER, APP_STATE)
    with pytest.raises(OutOfOrder, match="height 0"):
        app.init_chain(LEDGER, APP_STATE)
    with pytest.raises(OutOfOrder, match="next one is 1"):
        app.finalize_block([], 2, NOON)
    with pytest.raises(OutOfOrder, match="without a finalized block"):
        app.commit()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"authority": {}},
        {"authority": APP_STATE["authority"] | {"did": MALLORY.did}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_genesis_that_cannot_start_a_ledger_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(GenesisError):
        Application().init_chain(LEDGER, APP_STATE | change)


def test_queries_prove_presence_and_absence_at_kept_heights() -> None:
    chain = consortium(grant())
    key = f"consent/{CONSENT}".encode()
    granted = chain.app.query(key, True)
    chain.block(revoke())
    revoked, old = chain.app.query(key, True), chain.app.query(key, True, height=granted.height)
    assert old == granted
    assert granted.value is not None
    assert revoked.value is not None
    assert b'"state":"granted"' in granted.value
    assert b'"state":"revoked"' in revoked.value
    verify_presence(granted.app_hash, key, granted.value, granted.proof)
    verify_presence(revoked.app_hash, key, revoked.value, revoked.proof)
    absent = chain.app.query(b"consent/none", True)
    assert absent.value is None
    verify_absence(absent.app_hash, b"consent/none", absent.proof)
    assert chain.app.query(key).proof == b""


def test_the_genesis_state_is_proven_against_the_first_header() -> None:
    chain = consortium()
    key = f"did/{LI_MEI.did}".encode()
    genesis = chain.app.query_at(0, key, True)
    assert genesis.value is None
    verify_absence(genesis.app_hash, key, genesis.proof)
    assert chain.app.query(key, height=0) == chain.app.query_at(1, key)
    assert chain.app.query_at(1, key).value is not None


def test_versions_beyond_the_kept_ones_are_unknown() -> None:
    chain = consortium()
    for _ in range(20):
        chain.block()
    assert chain.app.query(b"k", height=chain.app.info().height - 15).value is None
    for height in (1, chain.app.info().height + 1):
        with pytest.raises(UnknownVersion):
            chain.app.query(b"k", height=height)


def test_a_snapshot_continues_as_the_original_does() -> None:
    chain = consortium(grant())
    used = access()
    chain.block(used)
    copy = Chain.__new__(Chain)
    copy.app = Application.restore(chain.app.snapshot(), chain.app.info().app_hash)
    copy.time_ms = chain.time_ms
    assert list(copy.app.snapshot()) == list(chain.app.snapshot())
    assert copy.one(used) == chain.one(used) == "NONCE_USED"
    late = NOON + 2 * 3_600_000
    copy.block(time_ms=late)
    chain.block(time_ms=late)
    assert copy.app.info() == chain.app.info()
    assert not any(key.startswith(b"nonces/") for key, _ in copy.app._tree.items())


def test_a_snapshot_that_was_tampered_with_is_refused() -> None:
    chain = consortium(grant())
    snapshot, app_hash = b"".join(chain.app.snapshot()), chain.app.info().app_hash
    with pytest.raises(SnapshotError):
        Application.restore([snapshot.replace(b'"granted"', b'"grantee"')], app_hash)
    with pytest.raises(SnapshotError):
        Application.restore([snapshot], bytes(32))
    for cut in range(0, len(snapshot), 97):
        with pytest.raises(SnapshotError):
            Application.restore([snapshot[:cut]], app_hash)


SCRIPT = """
from tests.ledger.machine.cast import *
chain = consortium(grant())
for n in range(5):
    chain.block(anchor(anchor=b64u_of(f"a{n}", 16)), access(handles()[n:n+2]), b"garbage", revoke(AMINA))
chain.block(revoke(), time_ms=NOON + 2 * HOUR - 1)
snapshot = b"".join(chain.app.snapshot())
print(chain.app.info().app_hash.hex(), __import__("hashlib").sha256(snapshot).hexdigest())
"""


def test_same_blocks_give_the_same_app_hash_under_any_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().split()[0]) == 64


def test_every_code_of_refusal_is_stable() -> None:
    assert {code.name: code.value for code in Code} == {
        **{"OK": 0, "TX_TOO_LARGE": 1, "TX_MALFORMED": 2, "TX_NOT_CANONICAL": 3, "WRONG_LEDGER": 4},
        **{"WINDOW_INVALID": 10, "TX_EXPIRED": 11, "ISSUED_IN_FUTURE": 12, "NONCE_USED": 13},
        **{"WRONG_AUTHOR": 20, "AUTHOR_UNKNOWN": 21, "KEY_UNKNOWN": 22, "SIGNATURE_INVALID": 23},
        **{"KEYSET_INVALID": 30, "KEY_WEAK": 31, "DID_MISMATCH": 32, "DID_TAKEN": 33, "SEQ_STALE": 34},
        **{"SEQ_AHEAD": 35, "NEXT_MISMATCH": 36, "NOT_AUTHORITY": 40, "NOT_ORGANISATION": 41},
        **{"ORGANISATION_KIND": 42, "CREDENTIAL_TAKEN": 43, "CREDENTIAL_UNKNOWN": 44},
        **{"CREDENTIAL_NOT_YOURS": 45, "CREDENTIAL_REVOKED": 46, "CREDENTIAL_PERIOD": 47},
        **{"ANCHOR_TAKEN": 50, "SUBJECT_UNKNOWN": 51, "SUBJECT_NOT_PERSON": 52, "CONSENT_TAKEN": 60},
        **{"CONSENT_UNKNOWN": 61, "CONSENT_NOT_YOURS": 62, "CONSENT_REVOKED": 63, "CONSENT_PERIOD": 64},
        **{"CONSENT_NOT_YET_VALID": 65, "CONSENT_EXPIRED": 66, "CONSENT_EXHAUSTED": 67},
        **{"CUSTODY_MISMATCH": 68, "HANDLES_MALFORMED": 70, "HANDLES_NOT_COVERED": 71},
        **{"PROPOSAL_TAKEN": 80, "PROPOSAL_UNKNOWN": 81, "PROPOSAL_CLOSED": 82, "VOTE_TAKEN": 83},
        **{"NOT_ELECTOR": 84, "CHANGE_INVALID": 85, "CHECKPOINT_TOO_SOON": 86},
        **{"ANCHOR_UNKNOWN": 53, "ANCHOR_NOT_YOURS": 54, "ANCHOR_ACKNOWLEDGED": 55, "ANCHORS_MALFORMED": 56},
        **{"AUDIT_NOT_DRAWN": 57, "AUDIT_NOT_YOURS": 58, "AUDIT_REPEATED": 59, "CANDIDATE_UNKNOWN": 90},
        **{"CANDIDATE_VOTES": 91, "CANDIDACY_RENEWED": 92, "EPOCH_OTHER": 93},
    }


def test_a_person_and_an_organisation_never_share_a_did() -> None:
    chain = Chain(register(RIVERSIDE))
    assert chain.one(admit(RIVERSIDE, "hospital")) == "DID_TAKEN"
    assert chain.one(anchor()) == "NOT_ORGANISATION"


def test_memory_of_transactions_stays_bounded_and_changes_no_verdict() -> None:
    memory = TxMemory(signatures=3, wire_bytes=2_000)
    chain = consortium(grant())
    chain.app._memory = memory
    wires = [access() for _ in range(20)]
    for wire in [*wires, *wires]:
        assert chain.app.check_tx(wire, NOON).ok
        assert not chain.app.check_tx(resign(wire, MALLORY.seed), NOON).ok
    assert 0 < len(memory._verified) <= 3
    assert sum(map(len, memory._verified)) == memory._bytes <= 2_000


def test_a_snapshot_whose_nonces_were_tampered_with_is_refused() -> None:
    """Who could leave a used nonce out of a snapshot could have its transaction run again."""
    chain = consortium(grant())
    chain.block(revoke())
    app_hash = chain.app.info().app_hash
    tree, lists = chain.app._tree, chain.app._nonces.lists()
    assert [height for height, _ in lists] == [1, 2]
    forgeries = (
        lists[1:],
        [(1, lists[0][1][1:]), lists[1]],
        [(1, lists[0][1][::-1]), lists[1]],
        [*lists, (3, ("somebody/else",))],
        [*lists, lists[1]],
        [(2, lists[1][1]), (1, lists[1][1])],
    )
    for forged in forgeries:
        changed = encode_snapshot(tree, forged, LEDGER, 2, chain.time_ms)
        with pytest.raises(SnapshotError):
            Application.restore(changed, app_hash)


def test_a_restored_copy_refuses_what_was_used_before_and_forgets_it_in_the_same_block() -> None:
    chain = consortium(grant())
    wire = grant(consent=b64u_of("another", 16))
    chain.block(wire)
    copy = consortium()
    copy.app = Application.restore(chain.app.snapshot(), chain.app.info().app_hash)
    for app in (chain.app, copy.app):
        assert app.check_tx(wire, NOON).code.name == "NONCE_USED"
    for one in (chain, copy):
        one.block(time_ms=NOON + 2 * HOUR)
    assert chain.app.info().app_hash == copy.app.info().app_hash
    assert list(chain.app.snapshot()) == list(copy.app.snapshot())
    assert not any(key.startswith(b"nonces/") for key, _ in chain.app._tree.items())


def of_every_kind() -> list[bytes]:
    """Good ones, ones that fail at each stage, and some twice."""
    good, other = grant(), grant(consent=b64u_of("another", 16))
    late = revoke(consent=b64u_of("none", 16))
    return [
        good,
        b"garbage",
        resign(other, MALLORY.seed),
        other,
        late,
        good,
        grant(MALLORY),
        anchor(LI_MEI),
        grant(issued_at=NOON + HOUR, not_after=NOON + 2 * HOUR),
        register(MALLORY),
    ]


def test_checked_together_each_transaction_gets_the_answer_that_it_gets_alone() -> None:
    wires = of_every_kind()
    alone = [consortium().app.check_tx(wire, NOON) for wire in wires]
    assert {one.code.name for one in alone} >= {
        *("OK", "TX_MALFORMED", "SIGNATURE_INVALID", "CONSENT_UNKNOWN", "AUTHOR_UNKNOWN"),
        *("NOT_ORGANISATION", "ISSUED_IN_FUTURE"),
    }
    app = consortium().app
    for _ in range(2):  # the second time the good ones are remembered
        assert app.check_txs(wires, NOON) == alone
    assert app.check_txs([], NOON) == []


def test_a_bad_signature_takes_no_good_one_down_with_it() -> None:
    """Each honest one is remembered as verified, the forged one is not."""
    app = consortium().app
    good = [grant(consent=b64u_of(f"c{number}", 16)) for number in range(5)]
    forged = resign(good[2], MALLORY.seed)
    checks = app.check_txs([*good[:2], forged, *good[2:]], NOON)
    assert [one.code.name for one in checks] == ["OK", "OK", "SIGNATURE_INVALID", "OK", "OK", "OK"]
    assert set(app._memory._verified) == set(good)


def test_a_block_of_strangers_transactions_is_verified_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one needs what another of the block brings: that one is verified when it is run."""
    together: list[int] = []
    alone: list[bytes] = []

    def verify_all(signed: Sequence[Signed]) -> bool:
        together.append(len(signed))
        return signing.verify_all(signed)

    def verify_one(key: bytes, message: bytes, signature: bytes) -> bool:
        alone.append(message)
        return signing.verify_ed25519(key, message, signature)

    monkeypatch.setattr(execution, "verify_all", verify_all)
    monkeypatch.setattr(execution, "verify_ed25519", verify_one)
    chain = consortium()
    together.clear()
    alone.clear()
    txs = [register(MALLORY), grant(), revoke(), grant(MALLORY, consent=b64u_of("theirs", 16))]
    assert chain.app.process_proposal(txs, NOON + 9)
    assert together == [3]
    assert len(alone) == 1
    assert not chain.app.process_proposal([*txs[:2], resign(anchor(), MALLORY.seed)], NOON + 9)

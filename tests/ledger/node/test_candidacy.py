"""A candidate's node renews its candidacy: once per epoch, when there is business, and never to itself."""

from ledger.node.block_store import StoredBlock
from ledger.node.candidacy import Candidacy
from ledger.types.block import Block, Commit, Header, Version
from ledger.types.ids import NIL
from ledger.types.signing import public_key_of, sign
from ledger.types.tx import decode_tx
from ledger.types.tx_change import LEAST_EPOCH
from tests.ledger.machine.cast import LEDGER, Member, register, seed_of
from tests.ledger.machine.elections import KEYS, RULES, SEEDS, WAITING_SEED, Elected

WAITING_SEEDS = (WAITING_SEED, *(seed_of(f"candidate {n}") for n in range(LEAST_EPOCH)))


def node_of(seed: bytes, ledger: Elected) -> Candidacy:
    return Candidacy(LEDGER, public_key_of(seed), lambda message: sign(seed, message), lambda: ledger.time_ms)


def stored(ledger: Elected, *txs: bytes) -> StoredBlock:
    block = Block(Header(Version(), LEDGER, ledger.height, 0, NIL, *[b""] * 9), txs, Commit())
    return StoredBlock(ledger.height, b"", block.encode(), b"", b"", b"")


class Nodes:
    """Candidates' nodes beside a ledger: what one says is in the next block."""

    def __init__(self, ledger: Elected, *seeds: bytes) -> None:
        self.ledger = ledger
        self.nodes = [node_of(seed, ledger) for seed in seeds]

    def decide(self, *txs: bytes) -> list[bytes]:
        """One block; what the candidates say after it."""
        self.ledger.accept(*txs)
        block = stored(self.ledger, *txs)
        said = (node.renewal(self.ledger.app, block, False) for node in self.nodes)
        return [wire for wire in said if wire is not None]

    def until_silent(self, first: bytes, most: int = 60) -> int:
        """Decide this and whatever follows, a block for each; how many blocks that took."""
        queue = [first]
        for blocks in range(most):
            if not queue:
                return blocks
            wire = queue.pop(0)
            # One that comes after its epoch's end is no longer proposed: that block is empty.
            chosen = self.ledger.app.prepare_proposal([wire], 10**6, self.ledger.time_ms + 1)
            queue += [said for said in self.decide(*chosen) if said not in queue]
        raise AssertionError(f"candidates still talk after {most} blocks")


def business(name: str) -> bytes:
    return register(Member(f"passer-by {name}"))


def waiting(every: int = LEAST_EPOCH) -> Elected:
    """A ledger of four seats that are taken, and more candidates than an epoch has blocks."""
    candidates = {public_key_of(seed): Member(f"hospital {n}") for n, seed in enumerate(WAITING_SEEDS)}
    return Elected(candidates=candidates, rules=RULES | {"every": every, "seats": 4})


def test_renews_once_per_epoch_when_there_is_business() -> None:
    ledger = waiting(every=100)
    nodes = Nodes(ledger, WAITING_SEED)
    (wire,) = nodes.decide(business("a"))
    assert nodes.decide(wire) == []
    assert nodes.decide(business("b")) == []
    entry = ledger.view.candidate(public_key_of(WAITING_SEED))
    assert entry is not None
    assert entry.renewed == ledger.epoch == 1


def test_candidates_do_not_keep_an_idle_ledger_awake() -> None:
    """So many in so short an epoch: renewals that answered each other would end epochs for ever."""
    nodes = Nodes(waiting(), *WAITING_SEEDS)
    for name in "abc":
        assert nodes.until_silent(business(name)) <= 1 + len(WAITING_SEEDS)
    assert nodes.ledger.epoch > 1


def test_lost_renewal_is_sent_again_as_the_same_bytes() -> None:
    nodes = Nodes(waiting(every=100), WAITING_SEED)
    (first,) = nodes.decide(business("a"))
    (again,) = nodes.decide(business("b"))
    assert first == again


def test_who_votes_or_does_not_stand_or_is_behind_says_nothing() -> None:
    ledger = waiting(every=100)
    nodes = Nodes(ledger, SEEDS[0], seed_of("nobody's validator"))
    assert nodes.decide(business("a")) == []
    behind = node_of(WAITING_SEED, ledger)
    assert behind.renewal(ledger.app, stored(ledger, business("b")), True) is None
    assert behind.renewal(ledger.app, stored(ledger), False) is not None
    assert public_key_of(SEEDS[0]) in KEYS


def test_nothing_is_said_where_nobody_is_elected() -> None:
    ledger = Elected(rules=RULES | {"every": 0})
    assert Nodes(ledger, WAITING_SEED).decide(business("a")) == []


def test_renewal_names_the_present_epoch() -> None:
    ledger = waiting()
    nodes = Nodes(ledger, WAITING_SEED)
    ledger.until_epoch(3)
    (wire,) = nodes.decide(business("a"))
    assert decode_tx(wire).body.epoch == ledger.epoch  # type: ignore[union-attr]

"""What a grant does not open, and an opening that is played again, too late, or not on the ledger."""

import pytest

from ledger.api import b64u_encode
from tests.wallet.conftest import World
from wallet import api as wallet
from wallet.core.consent import parse_artefact
from wallet.core.envelope import parse_envelope
from wallet.core.errors import CannotOpen
from wallet.core.grant import Wrap, open_grant_key, unwrap_data_key
from wallet.models import ServedAccess


def test_a_wrap_or_a_sealed_key_moved_to_another_consent_does_not_open(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    """Two consents of one patient to one doctor: a wrap or a sealed key of one is noise under the other."""
    second = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    releases = []
    for given in (consent, second):
        wire, detail = li_mei.tablet.opening(given.consent_id)
        release = wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
        artefact = parse_artefact(detail.artefact)
        grant_key = open_grant_key(li_mei.tablet.sealing, parse_envelope(release.sealed), artefact)
        wraps = {w.record_id: Wrap(record=w.record_id, epoch=w.epoch, wrap=w.wrap) for w in release.wraps}
        releases.append((artefact, release, grant_key, wraps))
    (artefact, release, grant_key, wraps), (other, other_release, other_key, other_wraps) = releases
    for record, wrap in wraps.items():
        for key, under in ((other_key, artefact), (grant_key, other), (other_key, other)):
            with pytest.raises(CannotOpen):
                unwrap_data_key(key, wrap, under)
        assert other_wraps[record].wrap != wrap.wrap
    for sealed, under in ((release.sealed, other), (other_release.sealed, artefact)):
        with pytest.raises(CannotOpen):
            open_grant_key(li_mei.tablet.sealing, parse_envelope(sealed), under)


def test_an_opening_proves_no_record_of_another_consent(li_mei: World, consent: wallet.ConsentView) -> None:
    """Handles are salted per consent: those of one, offered under the other, are nobody's."""
    second = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    _, other = li_mei.tablet.opening(second.consent_id)
    handles = tuple(sorted(item.handle for item in other.records))
    wire, mine = li_mei.tablet.opening(consent.consent_id, handles=handles)
    assert not {item.handle for item in mine.records} & set(handles)
    with pytest.raises(wallet.Invalid):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)


@pytest.mark.parametrize("seconds", [0, 1, 29, 31, 3_000])
def test_a_replayed_opening_releases_nothing_a_second_time(
    li_mei: World, consent: wallet.ConsentView, seconds: int
) -> None:
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    li_mei.clock.forward(seconds)
    with pytest.raises((wallet.Refused, wallet.Invalid)):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    assert ServedAccess.objects.count() == 1


def test_an_opening_signed_for_other_wraps_never_reaches_the_ledger(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    wire, _ = li_mei.tablet.opening(consent.consent_id, wraps=b64u_encode(bytes(32)))
    before = len(li_mei.ledger.events)
    with pytest.raises(wallet.Invalid):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    assert len(li_mei.ledger.events) == before


@pytest.mark.parametrize("state", ["hold", "down"])
def test_no_key_leaves_while_the_ledger_does_not_commit(
    li_mei: World, consent: wallet.ConsentView, state: str
) -> None:
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    setattr(li_mei.ledger, state, True)
    with pytest.raises(wallet.LedgerDown):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    assert not ServedAccess.objects.exists()


def test_a_commit_that_comes_too_late_releases_nothing(li_mei: World, consent: wallet.ConsentView) -> None:
    """The ledger was slow: what it commits after half a minute is logged, and no key leaves for it."""
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    commit = li_mei.ledger.commit

    def slow(wire: bytes, timeout_s: float = 10.0) -> object:
        li_mei.clock.forward(31)
        return commit(wire, timeout_s)

    li_mei.ledger.commit = slow
    with pytest.raises(wallet.Refused):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    assert not ServedAccess.objects.exists()

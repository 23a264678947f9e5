"""Rows follow the ledger: after crashes, out of order, twice, from the start."""

import pytest
from django.apps import apps
from django.core import serializers

from ledger.api import LedgerUnavailable, RecordAnchored, decode_tx
from wallet import api as wallet
from wallet import projection
from wallet.models import Consent, Cursor, FeedEntry, Outbox, Record
from wallet.outbox import outbox_queue
from wallet.services.organisation_keys import open_keys
from wallet.services.sealing import reseal_step


def rows() -> dict[str, str]:
    """Every row of the wallet but the outbox's counters, as text."""
    models = [model for model in apps.get_app_config("wallet").get_models() if model is not Outbox]
    return {model.__name__: serializers.serialize("json", model.objects.order_by("pk")) for model in models}


@pytest.fixture
def history(li_mei):
    """Two consents, one revoked, one opened and exhausted, one device revoked, one record waiting."""
    first = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    second = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id, max_opens=1)
    li_mei.settle()
    li_mei.tablet.open(second.consent_id)
    li_mei.phone.revoke(first)
    li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    wallet.clinician_device_revoke(person_id=li_mei.tablet.person_id, did=li_mei.tablet.did)
    li_mei.ingest("amina-diallo", "riverside", ("Observation", b"waits"))
    li_mei.settle()
    return li_mei


def test_dropping_the_mirror_and_replaying_gives_the_same_rows(history):
    before = rows()
    assert wallet.projection_rebuild() == len(history.ledger.events)
    assert rows() == before
    assert wallet.project_step() == 0


def test_rebuild_repairs_rows_that_someone_changed(history):
    before = rows()
    Consent.objects.update(opens=99, revoked=False)
    Consent.objects.first().delete()
    Record.objects.filter(state="anchored").update(state="anchoring")
    assert rows() != before
    wallet.projection_rebuild()
    assert rows() == before


def test_applying_every_event_twice_changes_nothing_more(history):
    before = rows()
    for event in history.ledger.events:
        projection.event_apply(event)
    assert rows() == before


def test_batch_that_fails_half_way_leaves_no_half(li_mei, monkeypatch):
    li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.ingest("li-mei", "riverside", ("Observation", b"one more"))
    while wallet.outbox_step():
        pass
    before, applied = rows(), []

    def fail_at_second(event, apply=projection.event_apply):
        if applied:
            raise RuntimeError("power cut")
        applied.append(event)
        apply(event)

    monkeypatch.setattr("wallet.projector.event_apply", fail_at_second)
    with pytest.raises(RuntimeError):
        wallet.project_step()
    assert rows() == before
    monkeypatch.undo()
    li_mei.settle()
    assert "consent.active" in li_mei.kinds("okafor")


def test_crash_between_database_and_ledger_loses_nothing(li_mei):
    """The approval is saved; the process dies before, or while, the ledger is asked; another one goes on."""
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    row = Outbox.objects.get(type="ConsentGranted")
    li_mei.ledger.submit(bytes(row.wire))  # the ledger took it; the answer never arrived
    assert Outbox.objects.get(pk=row.pk).state == "queued"
    wallet.outbox_step()
    li_mei.settle()
    assert Outbox.objects.get(pk=row.pk).state == "committed"
    assert [event.tx_hash for event in li_mei.ledger.events].count(row.tx_hash) == 1
    assert len(li_mei.tablet.open(consent.consent_id)) == 2


def test_ledger_away_keeps_everything_and_goes_on_in_order(li_mei):
    request_id = li_mei.tablet.ask(li_mei.code("li-mei")).request_id
    wires, pack = li_mei.phone.approval(request_id)  # on the screen when the ledger goes away
    li_mei.ledger.down = True
    consent = wallet.request_approve_self_held(
        person_id=li_mei.phone.person_id, request_id=request_id, wires=wires, pack=pack
    )
    li_mei.phone.revoke(consent)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            wallet.outbox_step()
    assert Outbox.objects.filter(state="queued").count() == 2
    li_mei.ledger.down = False
    li_mei.settle()
    assert [event.body["type"] for event in li_mei.ledger.events[-2:]] == [
        "ConsentGranted",
        "ConsentRevoked",
    ]
    assert not Outbox.objects.filter(state="queued").exists()


def test_what_depends_on_a_registration_waits_for_its_commit(world):
    world.ledger.hold = True
    world.phone.set_up()
    dids = Outbox.objects.filter(type="DidRegistered").count()
    assert wallet.outbox_step() == dids
    author = Outbox.objects.filter(type="DidRegistered").first().author
    Outbox.objects.create(
        tx_hash="X", wire=b"x", type="ConsentGranted", author=author, subject="", created_at=0
    )
    assert wallet.outbox_step() == 0, "a later transaction of the same author must wait"
    assert wallet.patient_profile(person_id=world.phone.person_id).organisations[0].state == "pending"


def test_a_thousand_anchors_do_not_keep_a_consent_waiting(li_mei):
    li_mei.ingest("li-mei", "riverside", *[("Claim", b"%d" % number) for number in range(30)])
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.ledger.submitted.clear()
    assert wallet.outbox_step() == 21
    first = Outbox.objects.get(tx_hash=li_mei.ledger.submitted[0])
    assert (first.type, first.subject) == ("ConsentGranted", consent.consent_id)
    li_mei.settle()
    assert not Outbox.objects.filter(state="queued").exists()


def test_submission_that_the_ledger_forgot_is_repeated(li_mei):
    li_mei.ledger.hold = True
    li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    wallet.outbox_step()
    li_mei.ledger.pool.clear()  # every validator lost its mempool
    li_mei.ledger.hold = False
    assert wallet.outbox_step() == 0
    li_mei.clock.forward(11)
    assert wallet.outbox_step() == 1
    li_mei.settle()
    assert "consent.active" in li_mei.kinds("okafor")


def test_refusal_for_now_is_tried_again_until_it_passes(li_mei):
    """An anchor whose subject's registration is still under way is not lost."""
    keys = open_keys(li_mei.organisations["riverside"].id)
    stranger = li_mei.phone.make_keys(li_mei.organisations["riverside"].id)
    subject = decode_tx(stranger.wire).body.did
    record = Record.objects.first()
    wire = keys.sign_body(
        RecordAnchored,
        li_mei.clock(),
        anchor="B" * 21 + "A",
        subject=subject,
        manifest=record.manifest,
        root=record.root,
        codec=record.codec,
        commitment=record.root,
    )
    row = outbox_queue(wire, subject="B" * 21 + "A")
    wallet.outbox_step()
    row.refresh_from_db()
    assert (row.state, row.submitted) == ("queued", False)
    assert row.reason.startswith("SUBJECT_UNKNOWN")
    li_mei.ledger.submit(stranger.wire)
    li_mei.clock.forward(1)
    li_mei.settle()
    row.refresh_from_db()
    assert row.state == "committed"


def test_anchor_refused_for_good_fails_the_record_and_tells_the_patient(li_mei):
    li_mei.ledger.down = True
    (record_id,) = li_mei.ingest("li-mei", "riverside", ("Observation", b"too late"))
    li_mei.ledger.down = False
    li_mei.clock.forward(8 * 86_400)
    li_mei.settle()
    record = Record.objects.get(id=record_id)
    assert record.state == "failed"
    assert "TX_EXPIRED" in record.reason
    assert li_mei.kinds("li-mei")[-1] == "record.failed"


def test_second_projector_does_not_apply_a_batch_again(li_mei, monkeypatch):
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    wallet.outbox_step()
    pull = li_mei.ledger.events_since

    def overtaken(cursor, limit=500, wait_s=0.0):
        found = pull(cursor, limit, wait_s)
        monkeypatch.setattr(li_mei.ledger, "events_since", pull)
        wallet.project_step()
        return found

    monkeypatch.setattr(li_mei.ledger, "events_since", overtaken)
    assert wallet.project_step() == 0
    assert Consent.objects.filter(consent_id=consent.consent_id).count() == 1
    assert Cursor.objects.count() == 1


def test_another_transaction_under_the_same_consent_id_does_not_wake_the_grant(li_mei):
    """Li Mei's stolen second device commits a wider consent under the same id first."""
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    wires, pack = li_mei.phone.approval(request.request_id)
    consent_id = pack["artefact"]["id"]
    wallet.request_approve_self_held(
        person_id=li_mei.phone.person_id, request_id=request.request_id, wires=wires, pack=pack
    )
    other, _ = li_mei.phone.approval(request.request_id, id=consent_id)
    li_mei.ledger.submit(other[-1])
    li_mei.settle()
    views = wallet.consents_for_requester(person_id=li_mei.tablet.person_id)
    assert [view.state for view in views] == ["rejected"]
    assert "CONSENT_TAKEN" in views[0].reason


def test_feed_is_numbered_without_gaps_and_says_each_thing_once(history):
    for handle in ("li-mei", "okafor"):
        items = wallet.feed_since(person_id=history.people[handle].id, after=0)
        assert [item.seq for item in items] == list(range(1, len(items) + 1))
    positions = [item.position for item in wallet.feed_tail(after=0)]
    assert positions == list(range(1, FeedEntry.objects.count() + 1))
    assert wallet.feed_position() == positions[-1]
    count = FeedEntry.objects.count()
    wallet.projection_rebuild()
    assert FeedEntry.objects.count() == count


def test_feed_payloads_hold_ids_only(history):
    for item in wallet.feed_tail(after=0):
        assert set(item.payload) <= {
            "request_id", "consent_id", "tx_hash", "state", "record_id", "did", "organisation_id"
        }  # fmt: skip
        assert all(" " not in value for value in item.payload.values())


def test_resealing_goes_on_after_a_crash(world):
    from wallet.models import PendingSeal

    for number in range(3):
        world.ingest("li-mei", "riverside", ("Observation", b"%d" % number))
    world.phone.set_up()
    while wallet.outbox_step() + wallet.project_step():
        pass
    assert PendingSeal.objects.count() == 3, "the projector died before re-sealing"
    assert reseal_step() == 3
    assert reseal_step() == 0
    world.settle()
    assert set(Record.objects.values_list("state", flat=True)) == {"anchored"}

"""The same vectors as in Python, in a real browser, and each language reading what the other wrote."""

import json
import secrets
from typing import Any

import pytest
from playwright.sync_api import Page

from ledger.types.signing import public_key_of
from tests.wallet.core.cast import (
    ISSUER_KEYS,
    NORTH_LAKE,
    NOW,
    OKAFOR,
    OKAFOR_SEAL,
    OKAFOR_SEED,
    RECORDS,
    SALT,
    data_keys,
    li_meis_artefact,
    vectors,
)
from wallet.core import consent, envelope, grant, request
from wallet.core._ledger import b64u_decode, b64u_encode
from wallet.core.consent_words import WORDS

pytestmark = pytest.mark.browser


def run(page: Page, script: str, argument: Any = None) -> Any:
    """Runs an async function body with `v` the argument; bytes travel as b64u."""
    prelude = "const { b64uDecode: bytes, b64uEncode: text } = await load('_ledger');"
    return page.evaluate(f"async (v) => {{ {prelude} {script} }}", argument)


def refusal(page: Page, script: str, argument: Any = None) -> str:
    """The code (and reason or place) of the error that the script must throw; "" when it throws none."""
    tried = f"""try {{ await (async () => {{ {script} }})(); return ""; }}
                catch (e) {{ return [e.code, e.reason ?? e.field ?? e.place].join(" ").trim(); }}"""
    return str(run(page, tried, argument))


OPEN = """const m = await load('envelope');
          const key = await m.importSealingKey({ id: '#seal-1', suite: v.suite, seed: bytes(v.seed) });"""


class TestEnvelopes:
    cases = pytest.mark.parametrize("case", vectors("envelope")["cases"], ids=lambda case: case["suite"])

    @cases
    def test_the_browser_derives_the_same_public_key_and_info(self, page: Page, case: dict[str, Any]) -> None:
        script = """const m = await load('envelope');
            return { public: text(await m.publicFromSeed(v.suite, bytes(v.seed))),
                     info: new TextDecoder().decode(m.recordKeyInfo(v.context)) };"""
        assert run(page, script, case) == {"public": case["public"], "info": case["info"]}

    @cases
    def test_the_browser_opens_what_python_sealed(self, page: Page, case: dict[str, Any]) -> None:
        script = OPEN + "return text(await m.openEnvelope(key, v.envelope, m.recordKeyInfo(v.context)));"
        assert run(page, script, case) == case["plaintext"]

    @cases
    def test_python_opens_what_the_browser_sealed(self, page: Page, case: dict[str, Any]) -> None:
        script = """const m = await load('envelope');
            const to = { id: '#seal-1', suite: v.suite, public: bytes(v.public) };
            return m.seal(to, bytes(v.plaintext), m.recordKeyInfo(v.context));"""
        sealed = envelope.parse_envelope(run(page, script, case))
        key = envelope.SealingKey("#seal-1", case["suite"], b64u_decode(case["seed"]))
        assert envelope.open_envelope(key, sealed, case["info"].encode()) == b64u_decode(case["plaintext"])

    @cases
    @pytest.mark.parametrize("change", [{"record": RECORDS[1]}, {"epoch": 2}, {"recipient": NORTH_LAKE}])
    def test_in_another_context_it_does_not_open(
        self, page: Page, case: dict[str, Any], change: dict[str, Any]
    ) -> None:
        script = OPEN + "await m.openEnvelope(key, v.envelope, m.recordKeyInfo(v.context));"
        assert refusal(page, script, {**case, "context": {**case["context"], **change}}) == "cannot_open"

    @cases
    def test_with_another_key_or_a_flipped_bit_it_does_not_open(
        self, page: Page, case: dict[str, Any]
    ) -> None:
        script = OPEN + "await m.openEnvelope(key, v.envelope, m.recordKeyInfo(v.context));"
        other = {**case, "seed": b64u_encode(secrets.token_bytes(32))}
        ct = bytearray(b64u_decode(case["envelope"]["ct"]))
        ct[3] ^= 1
        flipped = {**case, "envelope": {**case["envelope"], "ct": b64u_encode(ct)}}
        relabelled = {**case, "envelope": {**case["envelope"], "key": "#seal-2"}}
        for wrong in (other, flipped, relabelled):
            assert refusal(page, script, wrong) == "cannot_open"

    def test_a_low_order_sender_key_is_refused(self, page: Page) -> None:
        case = vectors("envelope")["cases"][1]
        low = {**case, "envelope": {**case["envelope"], "enc": b64u_encode(bytes(32))}}
        script = OPEN + "await m.openEnvelope(key, v.envelope, m.recordKeyInfo(v.context));"
        assert refusal(page, script, low) == "cannot_open"

    def test_unknown_fields_and_suites_are_refused(self, page: Page) -> None:
        case = vectors("envelope")["cases"][1]["envelope"]
        script = "(await load('envelope')).parseEnvelope(v);"
        assert refusal(page, script, {**case, "note": "x"}) == "malformed $"
        assert refusal(page, script, {**case, "suite": "RSA"}) == "unknown_suite"
        assert refusal(page, script, {**case, "enc": case["enc"] + "="}) == "malformed $.enc"


class TestGrants:
    vector = vectors("grant")

    def test_the_browser_opens_every_record_of_a_grant_that_python_made(self, page: Page) -> None:
        script = """const [m, e] = [await load('grant'), await load('envelope')];
            const pack = await m.parseGrantPack(v.pack);
            const key = await e.importSealingKey({ ...v.grantee, seed: bytes(v.grantee.seed) });
            const grantKey = await m.openGrantKey(key, pack.sealed, pack.artefact);
            const opened = [];
            for (const wrap of pack.wraps) {
              const { record, epoch, key } = await m.unwrapDataKey(grantKey, wrap, pack.artefact);
              opened.push({ record, epoch, key: text(key) });
            }
            const salt = bytes(pack.salt);
            const ordered = await m.orderedHandles(salt, pack.artefact.records);
            return { opened, handles: ordered.map((item) => text(item.handle)),
                     root: await m.grantHandlesRoot(salt, pack.artefact.records),
                     wraps: await m.wrapsCommitment(pack.wraps) };"""
        found = run(page, script, self.vector)
        assert sorted(found["opened"], key=lambda k: k["record"]) == self.vector["data_keys"]
        assert found["handles"] == self.vector["handles"]
        assert found["root"] == self.vector["handles_root"]
        assert found["wraps"] == self.vector["wraps"]

    def test_python_opens_every_record_of_a_grant_that_the_browser_made(self, page: Page) -> None:
        artefact = li_meis_artefact()
        keys = data_keys(artefact)
        public = OKAFOR_SEAL.public()
        argument = {
            "artefact": json.loads(consent.artefact_bytes(artefact)),
            "keys": [{"record": k.record, "epoch": k.epoch, "key": b64u_encode(k.key)} for k in keys],
            "to": {"id": public.id, "suite": public.suite, "public": b64u_encode(public.public)},
            "salt": b64u_encode(SALT),
        }
        script = """const m = await load('grant');
            const keys = v.keys.map((k) => ({ ...k, key: bytes(k.key) }));
            const to = { ...v.to, public: bytes(v.to.public) };
            const pack = await m.buildGrant(v.artefact, keys, to, bytes(v.salt));
            return m.parseGrantPack(pack);"""
        pack = grant.parse_grant_pack(run(page, script, argument))
        grant_key = grant.open_grant_key(OKAFOR_SEAL, pack.sealed, pack.artefact)
        opened = [grant.unwrap_data_key(grant_key, wrap, pack.artefact) for wrap in pack.wraps]
        assert sorted(opened, key=lambda k: k.record) == keys

    def test_a_wrap_for_one_record_does_not_open_another(self, page: Page) -> None:
        script = """const m = await load('grant');
            const key = await m.importGrantKey(bytes(v.grant_key));
            const [one, two] = v.pack.wraps;
            await m.unwrapDataKey(key, { ...one, record: two.record }, v.pack.artefact);"""
        assert refusal(page, script, self.vector) == "cannot_open"

    def test_a_wrap_does_not_open_under_a_later_expiry_or_another_epoch(self, page: Page) -> None:
        start = "const m = await load('grant'); const key = await m.importGrantKey(bytes(v.grant_key));"
        later = (
            start
            + """const artefact = { ...v.pack.artefact, valid_until: v.pack.artefact.valid_until + 1 };
            await m.unwrapDataKey(key, v.pack.wraps[0], artefact);"""
        )
        epoch = start + "await m.unwrapDataKey(key, { ...v.pack.wraps[0], epoch: 9 }, v.pack.artefact);"
        assert refusal(page, later, self.vector) == "cannot_open"
        assert refusal(page, epoch, self.vector) == "cannot_open"

    def test_reordered_missing_and_repeated_wraps_are_refused(self, page: Page) -> None:
        script = "await (await load('grant')).parseGrantPack(v);"
        pack = self.vector["pack"]
        one, two, three = pack["wraps"]
        for wraps in ([two, one, three], [one, two], [one, two, two]):
            assert refusal(page, script, {**pack, "wraps": wraps}) == "malformed $.wraps"

    def test_a_pack_is_never_built_with_a_key_too_few_or_too_many(self, page: Page) -> None:
        script = """const m = await load('grant');
            const keys = v.data_keys.map((k) => ({ ...k, key: bytes(k.key) }));
            const spoilt = v.many ? [...keys, keys[0]] : keys.slice(1);
            await m.buildGrant(v.pack.artefact, spoilt, null, bytes(v.pack.salt));"""
        assert refusal(page, script, {**self.vector, "many": True}) == "malformed $.wraps"
        assert refusal(page, script, {**self.vector, "many": False}) == "malformed $.wraps"


class TestConsents:
    vector = vectors("consent")

    @pytest.mark.parametrize("case", vector["cases"], ids=lambda c: f"{c['artefact']['locale']} {c['name']}")
    def test_the_browser_shows_and_commits_to_the_same_bytes(self, page: Page, case: dict[str, Any]) -> None:
        script = """const m = await load('consent');
            const { jcs } = await load('_ledger');
            const artefact = m.parseArtefact(v.artefact);
            const salt = bytes(v.salt);
            const drawn = await m.withText({ ...artefact, text: '' }, v.names);
            return { shown: drawn.text, text: drawn.artefact.text,
                     jcs: new TextDecoder().decode(jcs(artefact)),
                     artefact: await m.artefactCommitment(salt, artefact),
                     requester: await m.requesterCommitment(salt, artefact.requester.did),
                     organisation: await m.organisationCommitment(salt, artefact.requester.organisation) };"""
        found = run(page, script, {**case, "salt": self.vector["salt"]})
        assert found == {
            "shown": case["shown"],
            "text": case["artefact"]["text"],
            "jcs": case["jcs"],
            "artefact": case["artefact_commitment"],
            "requester": case["requester_commitment"],
            "organisation": case["organisation_commitment"],
        }

    def test_both_languages_of_code_hold_the_same_words(self, page: Page) -> None:
        found = run(page, "return (await load('consent_words')).WORDS;")
        for locale, words in WORDS.items():
            other = found[locale]
            assert other["purposes"] == words.purposes
            assert other["roles"] == words.roles
            assert other["relations"] == words.relations
            assert other["typeNames"] == words.type_names
            assert other["dates"] == {f"{int(a)}{int(b)}": text for (a, b), text in words.dates.items()}
            assert other["confidentiality"] == words.confidentiality
            assert other["copies"] == words.copies
            assert {unit: tuple(forms) for unit, forms in other["units"].items()} == words.units
            for name in ("person", "organisation", "purpose", "types", "time", "delegate", "stop", "comma"):
                assert other[name] == getattr(words, name), name
            assert (other["opensAny"], other["opensOnce"]) == (words.opens_any, words.opens_once)
            assert (other["opensMany"], other["offsetHours"]) == (words.opens_many, words.offset_hours)

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"also": "everything"}, "$"),
            ({"records": []}, "$.records"),
            ({"records": [RECORDS[1], RECORDS[0]]}, "$.records"),
            ({"valid_until": 0}, "$.valid_until"),
            ({"max_opens": 0.5}, "$.max_opens"),
            ({"subject": OKAFOR}, "$.subject"),
            ({"locale": "fr"}, "$.locale"),
            ({"confidentiality": "X"}, "$.confidentiality"),
        ],
    )
    def test_a_bad_artefact_is_refused(self, page: Page, change: dict[str, Any], place: str) -> None:
        document = {**self.vector["cases"][0]["artefact"], **change}
        assert refusal(page, "(await load('consent')).parseArtefact(v);", document) == f"malformed {place}"

    def test_an_organisation_without_a_name_is_refused(self, page: Page) -> None:
        script = "(await load('consent')).consentText(v.artefact, {}, 'en');"
        assert refusal(page, script, self.vector["cases"][0]) == "malformed $.requester.organisation"


class TestRequests:
    vector = vectors("request")

    def test_the_browser_hashes_and_verifies_as_python(self, page: Page) -> None:
        script = """const m = await load('request');
            const request = m.parseRequest(v.request);
            await m.verifyRequest(request, bytes(v.signature), bytes(v.public));
            return [await m.requestHash(request), await m.credentialHash(request.requester.credential)];"""
        assert run(page, script, self.vector) == [self.vector["hash"], self.vector["credential_hash"]]

    def test_the_browser_refuses_a_changed_request(self, page: Page) -> None:
        script = """const m = await load('request');
            const changed = { ...v.request, purpose: 'HRESCH' };
            await m.verifyRequest(changed, bytes(v.signature), bytes(v.public));"""
        assert refusal(page, script, self.vector) == "forged"

    def test_python_verifies_what_the_browser_signed(self, page: Page) -> None:
        script = """const m = await load('request');
            const { seedSigner } = await load('signer');
            const signer = seedSigner(async (use) => use(bytes(v.seed)), bytes(v.public));
            return text(await m.signRequest(v.request, signer));"""
        signature = run(page, script, {**self.vector, "seed": b64u_encode(OKAFOR_SEED)})
        asked = request.parse_request(self.vector["request"])
        request.verify_request(asked, b64u_decode(signature), public_key_of(OKAFOR_SEED))

    @pytest.mark.parametrize("name", sorted(vector["refused"]))
    def test_what_python_refuses_the_browser_refuses(self, page: Page, name: str) -> None:
        code = refusal(page, "(await load('request')).parseRequest(v);", self.vector["refused"][name])
        assert code.startswith("malformed $")


class TestNarrowing:
    vector = vectors("narrow")

    @pytest.mark.parametrize("case", vector["cases"], ids=range(len(vector["cases"])))
    def test_the_browser_narrows_as_python(self, page: Page, case: dict[str, Any]) -> None:
        script = """const m = await load('narrow');
            let narrowed;
            try { narrowed = m.narrow(v.asked, v.given); } catch (e) { narrowed = { nothing_left: e.field }; }
            return { wider: m.firstWider(v.given, v.asked), narrowed };"""
        found = run(page, script, {"asked": self.vector["asked"], "given": case["given"]})
        assert found == {"wider": case["wider"], "narrowed": case["narrowed"]}

    def test_the_browser_refuses_an_artefact_that_gives_more_than_was_asked(self, page: Page) -> None:
        argument = {
            "request": vectors("request")["request"],
            "artefact": vectors("consent")["cases"][0]["artefact"],
        }
        script = "await (await load('narrow')).checkNarrowing(v.request, { ...v.artefact, ...v.change });"
        for change, expected in (
            ({}, ""),
            ({"types": ["Claim"]}, "wider types"),
            ({"mode": "store"}, "wider mode"),
            ({"dates": {"from": None, "to": None}}, "wider dates.from"),
            ({"valid_until": NOW + 9 * 3_600_000}, "wider duration_s"),
            ({"purpose": "HRESCH"}, "wider purpose"),
            ({"request": "A" * 43}, "wider request"),
        ):
            assert refusal(page, script, {**argument, "change": change}) == expected


class TestCredentials:
    vector = vectors("credential")
    script = """const m = await load('credential');
        const { subject, organisation, now } = v;
        const issuerKeys = v.issuer_keys.map((key) => bytes(key));
        return m.verifyCredential(v.jwt, { subject, organisation, issuerKeys, now });"""

    def test_the_phone_verifies_a_credential_that_didkit_issued(self, page: Page) -> None:
        found = run(page, self.script, self.vector)
        assert (found["subject"], found["role"], found["name"]) == (OKAFOR, "physician", "Dr Okafor")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"now": NOW + 301 * 86_400_000}, "expired"),
            ({"now": NOW - 31 * 86_400_000}, "not_yet_valid"),
            ({"issuer_keys": []}, "wrong_issuer"),
            ({"issuer_keys": [b64u_encode(public_key_of(OKAFOR_SEED))]}, "wrong_issuer"),
            ({"subject": "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"}, "wrong_subject"),
            ({"organisation": "did:salus:u" + "A" * 43}, "wrong_organisation"),
            ({"jwt": "a.b"}, "malformed"),
            ({"jwt": vector["jwt"][:-4] + "AAAA"}, "forged"),
        ],
    )
    def test_what_python_refuses_the_phone_refuses(
        self, page: Page, change: dict[str, Any], reason: str
    ) -> None:
        assert refusal(page, self.script, {**self.vector, **change}) == f"credential_refused {reason}"

    def test_a_member_named_twice_and_an_unsigned_token_are_refused(self, page: Page) -> None:
        _, payload, signature = self.vector["jwt"].split(".")
        twice = b64u_encode(b'{"alg":"EdDSA","alg":"EdDSA"}')
        none = b64u_encode(b'{"alg":"none"}')
        for header, reason in ((twice, "malformed"), (none, "wrong_algorithm")):
            jwt = f"{header}.{payload}.{signature}"
            assert refusal(page, self.script, {**self.vector, "jwt": jwt}) == f"credential_refused {reason}"

    def test_the_issuer_keys_are_the_vectors(self) -> None:
        assert [b64u_decode(key) for key in self.vector["issuer_keys"]] == ISSUER_KEYS


class TestDidKeys:
    def test_names_are_the_same_both_ways(self, page: Page) -> None:
        keys = vectors("did_key")["keys"]
        script = """const m = await load('didkey');
            return v.map((k) => ({ did: m.didKey(bytes(k.public)), public: text(m.ed25519Of(k.did)) }));"""
        assert run(page, script, keys) == keys

    def test_keys_that_anyone_could_sign_for_have_no_name(self, page: Page) -> None:
        small = ["AQ" + "A" * 41, "A" * 43, "_" * 42 + "8"]
        script = "(await load('didkey')).didKey(bytes(v));"
        assert [refusal(page, script, key) for key in small] == ["malformed $"] * 3

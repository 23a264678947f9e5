"""`manage.py governance list|show|propose|vote`: the consortium changes its own validators."""

import secrets
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.api import (
    CommittedTx,
    Governance,
    GovernanceProposed,
    GovernanceVoted,
    HomeInvalid,
    LedgerClient,
    LedgerError,
    Proposal,
    Rejected,
    b64u_encode,
    change_of,
)
from wallet import ports
from wallet.errors import WalletError
from wallet.management.governance_arguments import EXAMPLES, KINDS, Help, add_actions, fields_of
from wallet.management.governance_words import (
    change_words,
    preview_lines,
    proposal_line,
    proposal_page,
    zone_of,
)
from wallet.services.governance import GovernanceSigner, governance_signer

DAY_MS = 86_400_000
VOTE_LIFE_MS = 3_600_000


class Command(BaseCommand):
    help = "Propose changes of the validators, vote on them, and see what became of them."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=Help, epilog=EXAMPLES, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_actions(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"list": self._list, "show": self._show, "propose": self._propose, "vote": self._vote}
        try:
            genesis = ports.genesis()
            self._client = LedgerClient(settings.SALUS_LEDGER_RPC, genesis)
            self._governance = Governance(self._client, genesis)
            self._zone = zone_of(options["time_zone"])
            actions[options["action"]](options)
        except Rejected as refused:
            raise CommandError(f"The ledger would refuse this: {refused}. Nothing was signed.") from refused
        except WalletError as error:
            raise CommandError(f"{error.message} {error.next}") from error
        except (LedgerError, HomeInvalid, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        finally:
            if hasattr(self, "_client"):
                self._client.close()

    def _list(self, options: dict[str, Any]) -> None:
        now, seats = _now_ms(), self._governance.seats()
        found = self._governance.proposals(now, every=options["all"])
        shown = [each for each in found if options["all"] or each.is_open(now)]
        self._say(proposal_line(each, seats, now, self._zone) for each in shown)
        if not shown:
            more = "" if options["all"] else " Add --all for those of the past."
            self.stdout.write(f"No proposals.{more}")

    def _show(self, options: dict[str, Any]) -> None:
        proposal = self._find(options["proposal"])
        self._say(proposal_page(proposal, self._governance, _now_ms(), self._zone))

    def _propose(self, options: dict[str, Any]) -> None:
        signer, now, seats = _signer(options), _now_ms(), self._governance.seats()
        kind = KINDS[options["kind"]]
        change = change_of(kind, fields_of(kind, options, seats))
        proposal, life_ms = _new_id(), int(options["days"] * DAY_MS)
        body = signer.body(GovernanceProposed, now, life_ms, proposal=proposal, change=change)
        self.stdout.write(f"{self._governance.name_of(signer.did)} proposes: {change_words(change, seats)}")
        self._say(preview_lines(self._governance.preview_proposal(body)))
        if not self._agreed(options):
            return
        done = self._commit(signer, body)
        self.stdout.write(f"Proposed in block {done.height}: {proposal}")
        self.stdout.write(f"Now the hospitals vote: manage.py governance vote {proposal} yes --as SLUG")

    def _vote(self, options: dict[str, Any]) -> None:
        signer, now = _signer(options), _now_ms()
        proposal = self._find(options["proposal"])
        approve = options["answer"] == "yes"
        body = signer.body(GovernanceVoted, now, VOTE_LIFE_MS, proposal=proposal.id, approve=approve)
        preview, decides = self._governance.preview_vote(body, proposal.entry.change)
        words = change_words(proposal.entry.change, preview.before)
        self.stdout.write(f"{self._governance.name_of(signer.did)} votes {options['answer']} on: {words}")
        self._say(preview_lines(preview))
        self.stdout.write("This vote decides it." if decides else "Others must vote, too, before it is made.")
        if not self._agreed(options):
            return
        done = self._commit(signer, body)
        entry = self._governance.proposal(proposal.id)
        state = entry.state if entry is not None else "unknown"
        effect = f"; it decides from block {done.height + 2} on" if state == "accepted" else ""
        self.stdout.write(f"Voted in block {done.height}. The proposal is {state}{effect}.")

    def _find(self, asked: str) -> Proposal:
        """The proposal with this id, or the only recent one whose id begins so. Raises CommandError."""
        exact = self._governance.proposal(asked) if len(asked) == 22 else None
        if exact is not None:
            return Proposal(asked, exact)
        found = [each for each in self._governance.proposals(_now_ms()) if each.id.startswith(asked)]
        if len(found) != 1:
            what = "No recent proposal begins" if not found else f"{len(found)} proposals begin"
            raise CommandError(f"{what} with {asked!r}. See: manage.py governance list --all")
        return found[0]

    def _agreed(self, options: dict[str, Any]) -> bool:
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was signed.")
            return False
        if options["yes"]:
            return True
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to ask. Add --yes to sign, or --dry-run to look only.")
        if input("Sign and submit this? [y/N] ").strip().lower() in ("y", "yes"):
            return True
        self.stdout.write("Nothing was signed.")
        return False

    def _commit(self, signer: GovernanceSigner, body: Any) -> CommittedTx:
        return self._client.commit(signer.wire(body))

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)


def _signer(options: dict[str, Any]) -> GovernanceSigner:
    return governance_signer(slug=None if options["authority"] else options["slug"])


def _new_id() -> str:
    """A proposal's id that a shell takes for no option."""
    while (made := b64u_encode(secrets.token_bytes(16))).startswith("-"):
        pass
    return made


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

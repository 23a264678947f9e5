"""What can go wrong in wallet's rules: each error says who failed, what was expected and what to do next.

No message holds a key, a PIN, a name or any part of a record.
"""


class RuleError(ValueError):
    """Base of every refusal in wallet.core."""


class Malformed(RuleError):
    """A document from outside breaks its format; its sender must make it again.

    `document` is its kind ("request"), `place` a path such as `$.dates.from`, `expected` and `actual` words.
    """

    def __init__(self, document: str, place: str, expected: str, actual: str) -> None:
        self.document, self.place, self.expected, self.actual = document, place, expected, actual
        super().__init__(f"{document} at {place}: expected {expected}, got {actual}")


class UnknownSuite(RuleError):
    """The sealing suite is not one of ours; the sender must use one from docs/formats.md section 5."""


class CannotOpen(RuleError):
    """This key, in this context, does not open these bytes: wrong key, wrong context or changed bytes.

    Which of the three cannot be told, on purpose. Retrying does not help; ask for it to be sealed again.
    """


class WrongFactor(RuleError):
    """The PIN (or the service's key, or the bundle's place) is not the one the bundle was wrapped with."""


class Forged(RuleError):
    """A signature does not verify under the key that should have made it; refuse the document."""


class Wider(RuleError):
    """A consent gives more than was asked; `field` says where. The device must never widen."""

    def __init__(self, field: str, asked: object, given: object) -> None:
        self.field, self.asked, self.given = field, asked, given
        super().__init__(f"the consent's {field} goes beyond the request: asked {asked}, given {given}")


class NothingLeft(RuleError):
    """A narrowing leaves nothing to share in `field`; the patient should refuse the request instead."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"nothing is left of {field} after narrowing: refuse the request instead")


class NotAllowed(RuleError):
    """This step is not allowed from this state of a request, by this actor or at this time."""


class CredentialRefused(RuleError):
    """A credential does not show what it should; `reason` is a stable code from wallet.core.credential."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"credential refused ({reason}): {detail}")

"""Who a history is about and who wrote it."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

Identifier = tuple[str, str]


@dataclass(frozen=True)
class DemoSource:
    """The hospital that writes. `slug` is its slug in accounts."""

    slug: str
    name: str
    name_zh: str


@dataclass(frozen=True)
class Subject:
    """The patient. `story` names one of `stories.STORIES`; `seed` makes everything repeatable."""

    family: str
    given: str
    name_zh: str
    gender: str
    birth_date: date
    story: str
    seed: int


_KNOWN = {
    "li-mei": ("Li", "Mei", "female", date(1957, 3, 14), "diabetes"),
    "amina-diallo": ("Diallo", "Amina", "female", date(1989, 8, 2), "asthma"),
    "chen-guoqiang": ("Chen", "Guoqiang", "male", date(1949, 11, 23), "heart"),
}


def subject_for(*, handle: str, name: str, name_zh: str, seed: int) -> Subject:
    """The subject for a demo person; anyone not of the cast gets a life drawn from the seed."""
    if handle in _KNOWN:
        family, given, gender, born, story = _KNOWN[handle]
        return Subject(family, given, name_zh, gender, born, story, seed)
    dice = random.Random(f"subject/{seed}")
    given, _, family = name.partition(" ")
    born = date(1940, 1, 1) + timedelta(days=dice.randrange(25_000))
    story = dice.choice(["asthma", "diabetes", "heart"])
    return Subject(family or given, given, name_zh, dice.choice(["female", "male"]), born, story, seed)


def mrn(subject: Subject, source: DemoSource) -> Identifier:
    """The patient's medical record number at this hospital: (system, value)."""
    number = random.Random(f"mrn/{source.slug}/{subject.seed}").randrange(10**7, 10**8)
    return f"https://{source.slug}.example/ids/mrn", str(number)


def member_identifier(subject: Subject, insurer_slug: str) -> Identifier:
    """The patient's number as a member of this insurer: (system, value)."""
    number = random.Random(f"member/{insurer_slug}/{subject.seed}").randrange(10**8, 10**9)
    return f"https://{insurer_slug}.example/ids/member", f"M{number}"

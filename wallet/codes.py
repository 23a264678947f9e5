"""Patient codes: eight characters that people read, type and scan.

Rules
- Crockford base 32 (no I, L, O, U), shown as XXXX-XXXX; typed in any case, with or without dash or spaces.
- O reads as 0, I and L as 1. 40 random bits: a code is an address, not a secret.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BYTES = 5
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def code_of(random: bytes) -> str:
    """The 8 characters for 5 random bytes."""
    number = int.from_bytes(random[:CODE_BYTES], "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def code_shown(code: str) -> str:
    """`XXXX-XXXX`."""
    return f"{code[:4]}-{code[4:]}"


def code_read(text: str) -> str | None:
    """The 8 characters that someone typed or scanned; None when it is no code."""
    code = text.upper().translate(_READ_AS)
    good = len(code) == 8 and all(character in ALPHABET for character in code)
    return code if good else None

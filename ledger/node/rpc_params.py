"""Parameters of RPC calls: JSON-RPC objects and URI queries write the same values differently.

CometBFT v0.38: in JSON, 64-bit integers are strings, bytes are base64 (abci_query's `data`: hex); in a URI,
bytes are `0x…` hex or a quoted string.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

MAX_HEIGHT = 2**53
PER_PAGE, MAX_PER_PAGE = 30, 100


class RpcError(Exception):
    """An answer that is an error: JSON-RPC code, message and data."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(f"{message}: {data}")
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "data": self.data}


def invalid(data: str) -> RpcError:
    """The caller's parameters are wrong."""
    return RpcError(-32602, "Invalid params", data)


def internal(data: str) -> RpcError:
    """What CometBFT calls an internal error: the thing asked for is not there."""
    return RpcError(-32603, "Internal error", data)


class Params:
    """The parameters of one call. Reading one raises RpcError when it is malformed."""

    def __init__(self, values: Mapping[str, Any], from_uri: bool) -> None:
        self._values = values
        self._from_uri = from_uri

    def integer(self, name: str, default: int = 0, low: int = 0, high: int = MAX_HEIGHT) -> int:
        """An integer within bounds, or `default` when it is absent."""
        value = self._text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise invalid(f"{name} must be an integer") from None
        if not low <= number <= high:
            raise invalid(f"{name} must lie in {low}..{high}")
        return number

    def height(self) -> int | None:
        """The `height` parameter; None when it is absent. Zero is refused as CometBFT does."""
        if self._text("height") is None:
            return None
        height = self.integer("height")
        if height < 1:
            raise internal(f"height must be greater than 0, but got {height}")
        return height

    def per_page(self) -> int:
        """How many things are on a page."""
        return min(self.integer("per_page") or PER_PAGE, MAX_PER_PAGE)

    def page(self, total: int) -> slice:
        """Which of `total` things `page` (from 1) and `per_page` ask for: 30, at most 100, as in CometBFT."""
        size = self.per_page()
        page, pages = self.integer("page", 1), max(1, -(-total // size))
        if not 1 <= page <= pages:
            raise internal(f"page should be within [1, {pages}] range, given {page}")
        return slice(size * (page - 1), size * page)

    def order(self, default: str) -> str:
        """`order_by`: asc or desc."""
        order = self.text("order_by") or default
        if order not in ("asc", "desc"):
            raise invalid(f'expected order_by to be either "asc" or "desc", got {order[:20]}')
        return order

    def boolean(self, name: str) -> bool:
        """True, false, or false when it is absent."""
        value = self._values.get(name, False)
        if value in (True, "true", "1"):
            return True
        if value in (False, "false", "0", "", None):
            return False
        raise invalid(f"{name} must be true or false")

    def text(self, name: str) -> str:
        """A string; quotes around it in a URI are taken off."""
        value = self._text(name) or ""
        return value[1:-1] if self._from_uri and len(value) > 1 and value[0] == value[-1] == '"' else value

    def data(self, name: str, as_hex: bool = False) -> bytes:
        """Bytes; `as_hex` when JSON writes them as hex."""
        value = self._text(name) or ""
        try:
            if self._from_uri:
                return bytes.fromhex(value[2:]) if value[:2] in ("0x", "0X") else self.text(name).encode()
            return bytes.fromhex(value) if as_hex else base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error):
            raise invalid(f"{name} is not {'hex' if as_hex or self._from_uri else 'base64'}") from None

    def _text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool | dict | list | float):
            raise invalid(f"{name} must be a string or an integer")
        return str(value)

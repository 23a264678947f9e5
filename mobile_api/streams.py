"""Sending a record's ciphertext without holding it: chunk by chunk, whichever server runs us."""

import itertools
from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from mobile_api.realtime.feed import in_thread


async def _drawn_in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await in_thread(next, chunks, None)) is not None:
        yield chunk


def streamed(request: HttpRequest, chunks: Iterator[bytes]) -> StreamingHttpResponse:
    """The chunks as a response. The first is drawn here, so that a refusal is still a proper answer."""
    first = next(chunks, b"")
    whole = itertools.chain([first], chunks)
    body = _drawn_in_threads(whole) if isinstance(request, ASGIRequest) else whole
    return StreamingHttpResponse(body, content_type="application/octet-stream")

"""Providers from settings: one URL each.

- `folder:///absolute/path[?name=..&domain=..]`
- `s3://bucket[?endpoint=https://..&region=..&credentials=ENVNAME&name=..&domain=..&timeout=20]`, where the
  environment variable ENVNAME holds `access-key:secret-key`: no secret is ever in a URL. Without
  `credentials` the vendor's usual chain is asked.
- `memory://name`, for tests.

`name` is written into placements and must stay the same when a path or endpoint changes; by default it is the
last part of the path, or the bucket. `domain` is what fails together (organisation, region, vendor).
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from storage.core.errors import ConfigurationInvalid

from .base import Provider
from .folder import FolderProvider
from .memory import MemoryProvider
from .s3 import S3Provider

OPTIONS = {
    "folder": {"name", "domain"},
    "memory": {"domain"},
    "s3": {"name", "domain", "endpoint", "region", "credentials", "timeout"},
}


def provider_from_url(url: str) -> Provider:
    """The provider that a setting names; raises ConfigurationInvalid for anything not understood."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme not in OPTIONS or not set(options) <= OPTIONS[parts.scheme] or parts.username:
        raise ConfigurationInvalid(f"not a storage provider: {parts.scheme}: with options {sorted(options)}")
    if parts.scheme == "memory":
        return MemoryProvider(parts.netloc, options.get("domain"))
    if parts.scheme == "s3":
        return _s3(parts.netloc, options)
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute() or not path.name:
        raise ConfigurationInvalid("a folder provider needs an absolute path: folder:///path")
    return FolderProvider(options.get("name", path.name), path, options.get("domain"))


def _s3(bucket: str, options: dict[str, str]) -> Provider:
    if not bucket:
        raise ConfigurationInvalid("an s3 provider needs a bucket: s3://bucket")
    access_key, secret_key = _credentials(options.get("credentials"))
    return S3Provider(
        options.get("name", bucket),
        bucket,
        endpoint=options.get("endpoint"),
        region=options.get("region", "us-east-1"),
        access_key=access_key,
        secret_key=secret_key,
        domain=options.get("domain"),
        timeout=float(options.get("timeout", "20")),
    )


def _credentials(variable: str | None) -> tuple[str | None, str | None]:
    if variable is None:
        return None, None
    access_key, colon, secret_key = os.environ.get(variable, "").partition(":")
    if not (access_key and colon and secret_key):
        raise ConfigurationInvalid(f"the environment variable {variable} must hold access-key:secret-key")
    return access_key, secret_key

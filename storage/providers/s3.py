"""A provider in an S3 bucket, through boto3.

Rules
- Path-style addressing; every request carries its checksum and is answered within `timeout` seconds or fails.
- boto3's own retries are off: retrying is the wrapper's business, so that it is counted once.
- An object up to PART_BYTES is one PUT; a longer one is a multipart upload, invisible until completed;
  `abandon` also aborts unfinished ones.
- A ranged GET reads no more than was asked, whatever the server sends.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from storage.core.cipher import Buffer

from .base import (
    ObjectMissing,
    ObjectStat,
    ObjectWriter,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RangeMissing,
    checked_name,
)

PART_BYTES = 8 << 20
MISSING = {"NoSuchKey", "404", "NotFound"}
RETRY_STATUS = {408, 425, 429}


class S3Provider(Provider):
    """Objects in `bucket` at `endpoint` (None: the vendor's own)."""

    def __init__(
        self,
        name: str,
        bucket: str,
        *,
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: str | None = None,
        domain: str | None = None,
        timeout: float = 20.0,
    ) -> None:
        self.name, self.bucket, self.domain = name, bucket, domain or name
        config = Config(
            s3={"addressing_style": "path"},
            connect_timeout=min(5.0, timeout),
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=16,
            request_checksum_calculation="when_supported",
            response_checksum_validation="when_supported",
        )
        self.client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=config,
        )

    def open(self, name: str) -> ObjectWriter:
        return _S3Writer(self, checked_name(self.name, "open", name))

    def read(self, name: str, offset: int, length: int) -> bytes:
        checked_name(self.name, "read", name)
        if length == 0:
            self.stat(name)
            return b""
        span = f"bytes={offset}-{offset + length - 1}"
        with self.translated("read", name):
            body = self.client.get_object(Bucket=self.bucket, Key=name, Range=span)["Body"]
            with contextlib.closing(body):
                data: bytes = body.read(length)
        if len(data) != length:
            raise RangeMissing(
                self.name, "read", name, f"{length} bytes at {offset} asked, {len(data)} there"
            )
        return data

    def stat(self, name: str) -> ObjectStat:
        checked_name(self.name, "stat", name)
        with self.translated("stat", name):
            return ObjectStat(name, self.client.head_object(Bucket=self.bucket, Key=name)["ContentLength"])

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        with self.translated("list", prefix):
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            ):
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        yield ObjectStat(item["Key"], item["Size"])

    def delete(self, name: str) -> None:
        checked_name(self.name, "delete", name)
        with (
            self.translated("delete", name),
            contextlib.suppress(ObjectMissing),
            self.translated("delete", name),
        ):
            self.client.delete_object(Bucket=self.bucket, Key=name)

    def abandon(self, prefix: str) -> None:
        checked_name(self.name, "abandon", prefix.rstrip("/"))
        for found in list(self.list(prefix)):
            self.delete(found.name)
        with self.translated("abandon", prefix):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            unfinished = [item for page in pages for item in page.get("Uploads", ())]
        for item in unfinished:
            if item["Key"].startswith(prefix):
                self.abort_multipart(item["Key"], item["UploadId"])

    def probe(self) -> None:
        with self.translated("probe", ""):
            self.client.head_bucket(Bucket=self.bucket)

    def abort_multipart(self, name: str, upload_id: str) -> None:
        """Forget an unfinished multipart upload; one that is gone is no error."""
        with contextlib.suppress(ObjectMissing), self.translated("abort", name):
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=name, UploadId=upload_id)

    @contextlib.contextmanager
    def translated(self, operation: str, name: str) -> Iterator[None]:
        """Turn the client's errors into the contract's."""
        try:
            yield
        except ClientError as error:
            raise self._refusal(operation, name, error) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            raise ProviderUnavailable(self.name, operation, name, type(error).__name__) from None

    def _refusal(self, operation: str, name: str, error: ClientError) -> ProviderError:
        answer: dict[str, Any] = dict(error.response)
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "InvalidRange" or status == 416:
            return RangeMissing(self.name, operation, name, "the object ends before the range")
        if code == "NoSuchUpload" or (code in MISSING and operation != "probe"):
            return ObjectMissing(self.name, operation, name, code)
        kind = ProviderUnavailable if status >= 500 or status in RETRY_STATUS else ProviderRefused
        return kind(self.name, operation, name, f"{status} {code}")


class _S3Writer(ObjectWriter):
    """Holds one part in memory; sent before a call's bytes are taken, so that a failed call can repeat."""

    def __init__(self, provider: S3Provider, name: str) -> None:
        self._provider, self._name = provider, name
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._sent = 0

    def write(self, data: Buffer) -> None:
        if len(self._buffer) >= PART_BYTES:
            self._send_part()
        self._buffer += data

    def finish(self) -> int:
        key = {"Bucket": self._provider.bucket, "Key": self._name}
        if self._upload_id is None and len(self._buffer) <= PART_BYTES:
            with self._provider.translated("finish", self._name):
                self._provider.client.put_object(**key, Body=bytes(self._buffer))
            return len(self._buffer)
        if self._buffer:
            self._send_part()
        with self._provider.translated("finish", self._name):
            self._provider.client.complete_multipart_upload(
                **key, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )
        return self._sent

    def abort(self) -> None:
        self._buffer.clear()
        if self._upload_id is not None:
            with contextlib.suppress(ProviderError):
                self._provider.abort_multipart(self._name, self._upload_id)

    def _send_part(self) -> None:
        key = {"Bucket": self._provider.bucket, "Key": self._name}
        client, number = self._provider.client, len(self._parts) + 1
        with self._provider.translated("write", self._name):
            if self._upload_id is None:
                # The checksum named here is the one boto3 puts on each part by default.
                started = client.create_multipart_upload(**key, ChecksumAlgorithm="CRC32")
                self._upload_id = started["UploadId"]
            done = client.upload_part(
                **key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=bytes(self._buffer),
                ChecksumAlgorithm="CRC32",
            )
        self._parts.append(
            {"PartNumber": number, "ETag": done["ETag"], "ChecksumCRC32": done.get("ChecksumCRC32")}
        )
        if self._parts[-1]["ChecksumCRC32"] is None:
            del self._parts[-1]["ChecksumCRC32"]
        self._sent += len(self._buffer)
        self._buffer.clear()

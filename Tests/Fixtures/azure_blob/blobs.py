"""Accounts, containers and blobs, in memory."""

import base64
import hashlib
import itertools
import os
import threading
import time

_sequence = itertools.count(1)
_lock = threading.Lock()
_last_tick = 0


def _etag():
    """A tag that no other state of any blob ever had."""
    return f'"0x8{next(_sequence):014X}"'


class Content:
    """Bytes in segments; copies share them."""

    def __init__(self, segments=()):
        self.segments = [segment for segment in segments if segment]
        self.size = sum(len(segment) for segment in self.segments)

    def read(self, start, end):
        """Gives the bytes from `start` up to `end`, segment by segment."""
        at = 0
        for segment in self.segments:
            if at >= end:
                return
            if at + len(segment) > start:
                yield memoryview(segment)[max(0, start - at):min(len(segment), end - at)]
            at += len(segment)

    def part(self, start, end):
        return Content(bytes(piece) for piece in self.read(start, end))


class Copy:
    """A copy into a blob: pending until its time has come."""

    def __init__(self, source, content, kind, seconds):
        self.id = str(os.urandom(16).hex())
        self.source = source
        self.content = content
        self.kind = kind
        self.ends = time.monotonic() + seconds
        self.status = "pending" if seconds > 0 else "success"
        self.completed = time.time()


class Blob:
    """A committed blob."""

    def __init__(self, kind):
        self.kind = kind
        self.content = Content()
        self.blocks = []  # (id, size) of a block blob that was made of blocks
        self.block_count = 0  # of an append blob
        self.headers = {"content-type": "application/octet-stream"}
        self.metadata = {}
        self.copy = None
        self.created = time.time()
        self.touch()

    def touch(self):
        self.etag = _etag()
        self.modified = time.time()


class Container:
    """Blobs by name, and uncommitted blocks by the name of their blob."""

    def __init__(self, name):
        self.name = name
        self.etag = _etag()
        self.modified = time.time()
        self.blobs = {}
        self.uncommitted = {}
        self.lock = threading.RLock()

    def blob(self, name):
        """The committed blob of a name, with its copy brought up to now; None if there is none."""
        blob = self.blobs.get(name)
        if blob is not None and blob.copy is not None and blob.copy.status == "pending":
            if time.monotonic() >= blob.copy.ends:
                blob.content = blob.copy.content
                blob.copy.status = "success"
                blob.copy.completed = time.time()
                blob.touch()
        return blob

    def put(self, name, blob):
        """Replaces what is there; blocks that wait for a block list are gone."""
        self.blobs[name] = blob
        self.uncommitted.pop(name, None)

    def remove(self, name):
        self.blobs.pop(name, None)
        self.uncommitted.pop(name, None)

    def names(self, with_uncommitted):
        if not with_uncommitted:
            return sorted(self.blobs)
        return sorted(set(self.blobs) | set(self.uncommitted))


class Account:
    """A storage account: two keys, and containers."""

    def __init__(self, name, key):
        self.name = name
        self.key = base64.b64decode(key, validate=True)
        self.containers = {}
        self.lock = threading.Lock()


def md5_of(segments):
    digest = hashlib.md5()
    for segment in segments:
        digest.update(segment)
    return base64.b64encode(digest.digest()).decode()

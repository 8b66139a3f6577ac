"""Buckets, objects and sessions, and the rules that the service has for them."""

import base64
import threading
import time
import uuid

import google_crc32c

QUANTUM = 256 * 1024


class Refused(Exception):
    """An answer that isn't 2xx."""

    def __init__(self, status, reason, message, headers=None):
        super().__init__(message)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}


def crc32c(content):
    return base64.b64encode(google_crc32c.value(bytes(content)).to_bytes(4, "big")).decode()


class Object:
    def __init__(self, name, content, generation, description):
        self.name, self.content, self.generation = name, content, generation
        self.content_type = description.get("contentType", "")
        self.metadata = description.get("metadata") or {}
        self.storage_class = description.get("storageClass", "STANDARD")
        self.kms_key = description.get("kmsKeyName")
        self.created = time.time()

    def resource(self):
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.created))
        stamp = "%s.%03dZ" % (seconds, int(self.created * 1000) % 1000)
        resource = {
            "kind": "storage#object", "name": self.name, "size": str(len(self.content)),
            "generation": str(self.generation), "metageneration": "1", "contentType": self.content_type,
            "timeCreated": stamp, "updated": stamp, "crc32c": crc32c(self.content),
            "storageClass": self.storage_class,
        }
        if self.metadata:
            resource["metadata"] = self.metadata
        if self.kms_key:
            resource["kmsKeyName"] = self.kms_key
        return resource


class Session:
    """A resumable upload: takes bytes in their order and is an object when the last has come."""

    def __init__(self, name, description, condition):
        self.name, self.description, self.condition = name, description, condition
        self.content = bytearray()
        self.object = None


class Store:
    def __init__(self, buckets):
        self.lock = threading.RLock()
        self.buckets = {name: {} for name in buckets}
        self.sessions = {}
        self.rewrites = {}
        self.last_generation = 0

    def bucket(self, name):
        if name not in self.buckets:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        return self.buckets[name]

    def get(self, bucket, name, generation=None):
        found = self.bucket(bucket).get(name)
        if found is None or generation and str(found.generation) != generation:
            raise Refused(404, "notFound", "No such object: %s/%s" % (bucket, name))
        return found

    def check(self, bucket, name, condition):
        if condition is None:
            return
        current = self.bucket(bucket).get(name)
        if (current.generation if current else 0) != int(condition):
            raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")

    def insert(self, bucket, name, content, description, condition):
        if not 1 <= len(name.encode()) <= 1024:
            raise Refused(400, "invalid", "The name of the object must have 1 to 1024 bytes.")
        declared = description.get("crc32c")
        if declared and declared != crc32c(content):
            raise Refused(400, "invalid", "Provided CRC32C \"%s\" doesn't match calculated CRC32C \"%s\"."
                          % (declared, crc32c(content)))
        with self.lock:
            self.check(bucket, name, condition)
            self.last_generation = max(self.last_generation + 1, int(time.time() * 1e6))
            stored = Object(name, bytes(content), self.last_generation, description)
            self.bucket(bucket)[name] = stored
            return stored

    def delete(self, bucket, name, condition):
        with self.lock:
            self.get(bucket, name)
            self.check(bucket, name, condition)
            del self.buckets[bucket][name]

    def list(self, bucket, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", ""), query.get("endOffset", "")
        token = base64.b64decode(query["pageToken"]).decode() if query.get("pageToken") else ""
        limit = min(int(query.get("maxResults", 1000)), 1000)
        items, prefixes, last = [], [], ""
        with self.lock:
            for name in sorted(self.bucket(bucket), key=lambda name: name.encode()):
                if not name.startswith(prefix) or name < start or end and name >= end or name <= token:
                    continue
                if token.endswith("/") and delimiter and name.startswith(token):
                    continue
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                group = name[:cut + 1] if cut >= 0 else None
                if group is not None and prefixes and prefixes[-1] == group:
                    continue
                if len(items) + len(prefixes) == limit:
                    return items, prefixes, base64.b64encode(last.encode()).decode()
                if group is not None:
                    prefixes.append(group)
                else:
                    items.append(self.buckets[bucket][name].resource())
                last = group or name
        return items, prefixes, None

    def rewrite(self, bucket, source, target, name, query, description, bytes_per_step):
        with self.lock:
            found = self.get(bucket, source, query.get("sourceGeneration"))
            self.check(target, name, query.get("ifGenerationMatch"))
            token = query.get("rewriteToken")
            if token and self.rewrites.get(token, (None,))[:2] != (source, name):
                raise Refused(400, "invalid", "The rewrite token is not valid.")
            done = (self.rewrites[token][2] if token else 0) + bytes_per_step
            size = len(found.content)
            if done < size:
                token = token or uuid.uuid4().hex
                self.rewrites[token] = (source, name, done)
                return {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": token,
                        "totalBytesRewritten": str(done), "objectSize": str(size)}
            self.rewrites.pop(token, None)
            # With a description nothing of the source's is taken over; the class is the bucket's if none is named.
            description = description or {"contentType": found.content_type, "metadata": found.metadata}
            description["kmsKeyName"] = query.get("destinationKmsKeyName")
            copy = self.insert(target, name, found.content, description, query.get("ifGenerationMatch"))
            return {"kind": "storage#rewriteResponse", "done": True, "objectSize": str(size),
                    "totalBytesRewritten": str(size), "resource": copy.resource()}

    # Sessions

    def begin(self, bucket, name, description, condition):
        with self.lock:
            self.check(bucket, name, condition)
            identifier = uuid.uuid4().hex
            self.sessions[identifier] = Session(name, description, condition)
            return identifier

    def session(self, identifier):
        if identifier not in self.sessions:
            raise Refused(404, "notFound", "The session is not known.")
        return self.sessions[identifier]

    def persist(self, bucket, identifier, first, content, total, checksum):
        """Takes a chunk; gives the object if it was the last, else None. `first` None: a question."""
        with self.lock:
            session = self.session(identifier)
            if session.object:
                return session.object
            if first is not None:
                if first > len(session.content):
                    raise Refused(503, "backendError", "The chunk begins behind what the session has.")
                ends = total is not None and first + len(content) == total
                if not ends and len(content) % QUANTUM:
                    raise Refused(400, "invalid", "Chunks but the last must be multiples of 256 KiB.")
                # What the session has already stays as it is.
                session.content += content[len(session.content) - first:]
            if total is None or len(session.content) < total:
                return None
            if len(session.content) > total:
                raise Refused(400, "invalid", "The session has more bytes than the object shall have.")
            if checksum and checksum != crc32c(session.content):
                raise Refused(400, "invalid", "Provided CRC32C doesn't match.")
            session.object = self.insert(
                bucket, session.name, session.content, session.description, session.condition)
            session.content = bytearray()
            return session.object

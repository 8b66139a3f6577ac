"""The HTTP side: what each request means."""

import base64
import json
import re
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from access import Access, OAuthRefused
from faults import Faults
from store import QUANTUM, Refused, Store, crc32c

OBJECT = re.compile(r"^(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)$")
LISTING = re.compile(r"^/storage/v1/b/([^/]+)/o$")
REWRITE = re.compile(r"^/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)$")
UPLOAD = re.compile(r"^/upload/storage/v1/b/([^/]+)/o$")
METADATA = "/computeMetadata/v1/instance/service-accounts/default/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_any(self):
        self.body = self.read_body()
        self.path_only, _, self.raw_query = self.path.partition("?")
        self.query = {name: values[-1] for name, values in
                      urllib.parse.parse_qs(self.raw_query, keep_blank_values=True).items()}
        if self.path_only.startswith("/_"):
            return self.control()
        line = "%s %s" % (self.command, self.path)
        with self.server.log_lock:
            self.server.log.append(line)
        self.fault = self.server.faults.take(line)
        if not self.before():
            return
        try:
            self.route()
        except Refused as refused:
            self.refuse(refused)
        except OAuthRefused as refused:
            self.answer(400, {"error": refused.error, "error_description": refused.description})

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raise ValueError("bodies have a length here")
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # Faults

    def before(self):
        """Whether the request is to be done."""
        fault = self.fault
        if fault is None:
            return True
        if fault["do"] == "stall":
            time.sleep(fault.get("seconds", 1))
        if fault["do"] == "status":
            headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            self.fault = None
            self.refuse(Refused(fault.get("status", 503), fault.get("reason", "backendError"), "a fault", headers))
            return False
        if fault["do"] == "reset":
            self.drop()
            return False
        return True

    def drop(self):
        self.close_connection = True
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    # Answers

    def answer(self, status, value=None, headers=None, content=None, content_type="application/json; charset=UTF-8"):
        body = content if content is not None else (json.dumps(value).encode() if value is not None else b"")
        fault, self.fault = self.fault, None
        if fault and fault["do"] in ("lose", "part"):
            return self.drop()
        if fault and fault["do"] == "wrong" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(status)
        for name, field in (headers or {}).items():
            self.send_header(name, field)
        self.send_header("X-GUploader-UploadID", "request-%d" % len(self.server.log))
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if fault and fault["do"] == "short":
            self.wfile.write(body[:fault.get("bytes", len(body) // 2)])
            self.wfile.flush()
            return self.drop()
        self.wfile.write(body)
        return None

    def refuse(self, refused):
        error = {"domain": "global", "reason": refused.reason, "message": refused.message}
        self.answer(refused.status, {"error": {"code": refused.status, "message": refused.message, "errors": [error]}},
                    refused.headers)

    def control(self):
        self.fault = None
        server = self.server
        if self.path_only == "/_faults":
            server.faults.set(json.loads(self.body))
        if self.path_only == "/_lifetime":
            server.access.lifetime = int(self.query["seconds"])
        if self.path_only == "/_revoke":
            server.access.tokens.clear()
        if self.path_only == "/_step":
            server.bytes_per_step = int(self.query["bytes"])
        if self.path_only == "/_requests":
            with server.log_lock:
                lines, server.log = server.log, []
            return self.answer(200, lines)
        if self.path_only == "/_state":
            with server.store.lock:
                return self.answer(200, {
                    "objects": {bucket: sorted(objects) for bucket, objects in server.store.buckets.items()},
                    "sessions": len([s for s in server.store.sessions.values() if s.object is None])})
        return self.answer(200, {})

    # Requests

    def route(self):
        path, store = self.path_only, self.server.store
        if path == "/token":
            return self.answer(200, self.server.access.token(self.form()))
        if path == "/v1/token":
            return self.answer(200, self.server.access.exchange(self.form()))
        if path == "/subject":
            return self.answer(200, {"value": "subject-token"})
        if path.startswith(METADATA):
            return self.metadata_server(path[len(METADATA):])
        if path.startswith("/v1/projects/-/serviceAccounts/"):
            return self.iam(path)
        if "X-Goog-Signature" in self.query:
            return self.signed()
        upload = UPLOAD.match(path)
        if upload and "upload_id" in self.query:
            return self.session(urllib.parse.unquote(upload[1]))
        self.server.access.require(self.headers)
        if upload and self.command == "POST":
            return self.upload(urllib.parse.unquote(upload[1]))
        rewrite = REWRITE.match(path)
        if rewrite and self.command == "POST":
            source, name, target, copy = [urllib.parse.unquote(part) for part in rewrite.groups()]
            return self.answer(200, store.rewrite(
                source, name, target, copy, self.query, json.loads(self.body or b"null"),
                self.server.bytes_per_step))
        listing = LISTING.match(path)
        if listing and self.command == "GET":
            items, prefixes, token = store.list(urllib.parse.unquote(listing[1]), self.query)
            page = {"kind": "storage#objects", "items": items, "prefixes": prefixes, "nextPageToken": token}
            return self.answer(200, {name: value for name, value in page.items() if value})
        if path == "/storage/v1/b" and self.command == "POST":
            store.buckets.setdefault(json.loads(self.body)["name"], {})
            return self.answer(200, {"kind": "storage#bucket"})
        found = OBJECT.match(path)
        if not found:
            raise Refused(404, "notFound", "Not Found")
        return self.object(*[urllib.parse.unquote(part) for part in found.groups()])

    def object(self, bucket, name):
        store = self.server.store
        if self.command == "DELETE":
            store.delete(bucket, name, self.query.get("ifGenerationMatch"))
            return self.answer(204)
        found = store.get(bucket, name, self.query.get("generation"))
        if self.query.get("alt") == "media":
            return self.media(found)
        return self.answer(200, found.resource())

    def media(self, found, headers=None):
        size = len(found.content)
        headers = dict(headers or {}, **{
            "X-Goog-Generation": str(found.generation), "X-Goog-Hash": "crc32c=" + crc32c(found.content),
            "X-Goog-Stored-Content-Length": str(size)})
        wanted = re.match(r"^bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        kind = found.content_type or "application/octet-stream"
        if not wanted:
            return self.answer(200, headers=headers, content=found.content, content_type=kind)
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if first >= size:
            headers["Content-Range"] = "bytes */%d" % size
            return self.answer(416, headers=headers, content=b"<Error/>", content_type="application/xml")
        headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, size)
        return self.answer(206, headers=headers, content=found.content[first:last + 1], content_type=kind)

    def upload(self, bucket):
        store, kind = self.server.store, self.query.get("uploadType")
        condition = self.query.get("ifGenerationMatch")
        if kind == "multipart":
            description, content = self.parts()
            name = description["name"]
            if self.query.get("kmsKeyName"):
                description["kmsKeyName"] = self.query["kmsKeyName"]
            return self.answer(200, store.insert(bucket, name, content, description, condition).resource())
        if kind == "resumable":
            store.bucket(bucket)
            description = json.loads(self.body or b"{}")
            description["kmsKeyName"] = self.query.get("kmsKeyName")
            name = self.query.get("name") or description["name"]
            identifier = store.begin(bucket, name, description, condition)
            location = "http://%s%s?uploadType=resumable&name=%s&upload_id=%s" % (
                self.headers["Host"], self.path_only, urllib.parse.quote(name, safe=""), identifier)
            return self.answer(200, headers={"Location": location})
        raise Refused(400, "invalid", "unknown uploadType")

    def parts(self):
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
        pieces = self.body.split(b"--" + boundary)
        if len(pieces) != 4 or pieces[3].strip() != b"--":
            raise Refused(400, "invalid", "two parts are expected")
        (_, first), (_, second) = [piece.split(b"\r\n\r\n", 1) for piece in pieces[1:3]]
        return json.loads(first), second[:-2]

    def session(self, bucket):
        store, identifier = self.server.store, self.query["upload_id"]
        if self.command == "DELETE":
            with store.lock:
                store.session(identifier)
                del store.sessions[identifier]
            return self.answer(499)
        span = re.match(r"^bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$", self.headers.get("Content-Range", ""))
        if self.command != "PUT" or not span:
            raise Refused(400, "invalid", "Content-Range is missing or malformed")
        total = None if span[3] == "*" else int(span[3])
        first = None if span[1] is None else int(span[1])
        if first is not None and int(span[2]) - first + 1 != len(self.body):
            raise Refused(400, "invalid", "Content-Range and the body's length differ")
        if first is None and self.body:
            raise Refused(400, "invalid", "a question has no body")
        content = self.body
        if self.fault and self.fault["do"] == "part":
            content, total = content[:self.fault.get("bytes", QUANTUM)], None
        checksum = re.search(r"crc32c=([^,]+)", self.headers.get("X-Goog-Hash", ""))
        stored = store.persist(bucket, identifier, first, content, total, checksum and checksum[1])
        if stored:
            return self.answer(200, stored.resource())
        has = len(store.session(identifier).content)
        return self.answer(308, headers={"Range": "bytes=0-%d" % (has - 1)} if has else {}, content=b"")

    def signed(self):
        host = self.headers["Host"]
        query = self.server.access.verify_url(self.command, host, self.path_only, self.raw_query)
        bucket, _, name = urllib.parse.unquote(self.path_only)[1:].partition("/")
        headers = {}
        if "response-content-disposition" in query:
            headers["Content-Disposition"] = query["response-content-disposition"]
        return self.media(self.server.store.get(bucket, name), headers)

    # Identity

    def form(self):
        return {name: values[-1] for name, values in urllib.parse.parse_qs(self.body.decode()).items()}

    def metadata_server(self, path):
        if self.headers.get("Metadata-Flavor") != "Google":
            raise Refused(403, "forbidden", "Metadata-Flavor is missing")
        if path == "token":
            return self.answer(200, self.server.access.issue("machine"))
        if path == "email":
            return self.answer(200, content=self.server.access.email.encode(), content_type="text/plain")
        raise Refused(404, "notFound", "Not Found")

    def iam(self, path):
        who = self.server.access.require(self.headers)
        account, _, action = urllib.parse.unquote(path[len("/v1/projects/-/serviceAccounts/"):]).rpartition(":")
        if account != self.server.access.email:
            raise Refused(404, "notFound", "Unknown service account")
        request = json.loads(self.body)
        if action == "generateAccessToken":
            if who not in ("federated", "user") or request["scope"] != [
                    "https://www.googleapis.com/auth/cloud-platform"] or request["lifetime"] != "3600s":
                raise Refused(403, "forbidden", "iam.serviceAccounts.getAccessToken denied")
            token = self.server.access.issue(account)["access_token"]
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            return self.answer(200, {"accessToken": token, "expireTime": end})
        if action == "signBlob":
            signature = self.server.access.sign(base64.b64decode(request["payload"]))
            return self.answer(200, {"keyId": "1", "signedBlob": base64.b64encode(signature).decode()})
        raise Refused(404, "notFound", "Not Found")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def serve(port, buckets, private_key, email, anonymous):
    server = Server(("127.0.0.1", port), Handler)
    server.store, server.faults = Store(buckets), Faults()
    server.access = Access(private_key, email, anonymous)
    server.log, server.log_lock = [], threading.Lock()
    server.bytes_per_step = 1 << 20
    return server

"""The service: HTTP/1.1 in threads, routing, and what tests may set and ask."""

import collections
import http
import json
import socket
import socketserver
import threading
import time
import urllib.parse

import faults
import identity
import listing
import operations
from blobs import Account, Container, Content
from credentials import authenticate
from errors import Refusal, container_not_found, invalid_query, new_request_id
from versions import version_of
from userdelegation import user_delegation_key

BODY_LIMIT = 5000 << 20


class Request:
    """One request as it came: the body is read whole."""

    def __init__(self, method, target, headers, body, client, authority, is_secure):
        self.method = method
        self.raw_path, _, query = target.partition("?")
        self.query_items = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=False)
        self.query = {name.lower() if len(name) > 2 else name: value for name, value in self.query_items}
        self.headers = headers
        self.body = body
        self.client = client
        self.authority = authority
        self.is_secure = is_secure

    def service_url(self, account):
        return f"{'https' if self.is_secure else 'http'}://{self.authority}/{account.name}/"


class Settings:
    """What tests may change while the service runs."""

    def __init__(self):
        self.copy_seconds = 0.0
        self.copy_threshold = 0
        self.keeps_uncommitted = False
        self.faults = []

    def pending(self, size):
        """For how long a copy of so many bytes is pending."""
        return self.copy_seconds if size >= self.copy_threshold else 0

    def update(self, values):
        for name, value in values.items():
            if name == "faults":
                self.faults = [faults.Fault(**fault) for fault in value]
            elif hasattr(self, name):
                setattr(self, name, value)
            else:
                raise ValueError(name)


class Service:
    """Accounts, identities, settings, and a log of the requests."""

    def __init__(self, tenant):
        self.accounts = {}
        self.identities = identity.Identities(tenant)
        self.settings = Settings()
        self.authorities = set()
        self.log = collections.deque(maxlen=100_000)
        self.lock = threading.Lock()

    def add_account(self, name, key):
        self.accounts[name] = Account(name, key)

    def answer(self, request):
        """Gives (status, headers, segments) of the response."""
        if request.raw_path.startswith("/.fake/"):
            return self._control(request)
        issued = self.identities.answer(request)
        if issued is not None:
            status, body = identity.encoded(issued)
            return status, {"Content-Type": "application/json"}, [body]
        request_id = new_request_id()
        try:
            version = version_of(request)
            status, headers, body = self._storage(request, version)
            headers["x-ms-version"] = version
        except Refusal as refusal:
            body = b"" if request.method == "HEAD" or refusal.status == 304 else refusal.body(request_id)
            status, headers = refusal.status, refusal.headers | {"x-ms-error-code": refusal.code}
            if body:
                headers["Content-Type"] = "application/xml"
        headers["x-ms-request-id"] = request_id
        if "x-ms-client-request-id" in request.headers:
            headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
        self._note(request, status, headers.get("x-ms-error-code", ""))
        return status, headers, body if isinstance(body, list) else [body]

    def _note(self, request, status, code):
        query = {name: value for name, value in request.query.items() if name not in ("sig", "marker")}
        self.log.append({
            "method": request.method, "path": urllib.parse.unquote(request.raw_path), "query": query, "status": status,
            "code": code, "bytes": len(request.body)})

    def _control(self, request):
        name = request.raw_path.removeprefix("/.fake/")
        if name == "settings" and request.method == "POST":
            self.settings.update(json.loads(request.body))
            return 200, {}, [b"{}"]
        if name == "blocks" and request.method == "POST":
            return self._seed(json.loads(request.body))
        if name.startswith("containers/") and request.method == "POST":
            for account in self.accounts.values():
                with account.lock:
                    account.containers.setdefault(name.removeprefix("containers/"), Container(name))
            return 200, {}, [b"{}"]
        if name == "requests" and request.method == "GET":
            return 200, {"Content-Type": "application/json"}, [json.dumps(list(self.log)).encode()]
        if name == "requests" and request.method == "DELETE":
            self.log.clear()
            return 200, {}, [b"{}"]
        if name == "tokens":
            return 200, {}, [json.dumps({"issued": self.identities.issued}).encode()]
        return 404, {}, [b"{}"]

    def _seed(self, values):
        """Puts blocks that wait at a name, of one byte each: more than a test could put one by one."""
        container = self.accounts[values["account"]].containers[values["container"]]
        waiting = container.uncommitted.setdefault(values["name"], {})
        for number, block in enumerate(values["blocks"]):
            waiting[block] = Content([bytes([number % 251])])
        return 200, {}, [b"{}"]

    def _storage(self, request, version):
        parts = request.raw_path.split("/", 3)[1:]
        account = self.accounts.get(parts[0])
        if account is None:
            raise Refusal(404, "ResourceNotFound", "The specified resource does not exist.")
        container_name = urllib.parse.unquote(parts[1]) if len(parts) > 1 and parts[1] else None
        blob_name = urllib.parse.unquote(parts[2]) if len(parts) > 2 and parts[2] else None
        if blob_name is not None and (len(blob_name) > 1024 or blob_name.count("/") >= 254):
            raise Refusal(400, "InvalidUri", "The requested URI does not represent any resource on the server.")
        grant = authenticate(request, version, (container_name, blob_name), account, self)
        kind = request.query.get("restype")
        if container_name is None:
            return self._account(request, version, account, grant)
        if kind == "container":
            return self._container(request, account, container_name, grant)
        if blob_name is None:
            raise invalid_query("restype", kind or "")
        container = account.containers.get(container_name)
        if container is None:
            raise container_not_found()
        with container.lock:
            return operations.dispatch(
                operations.Call(self, request, version, account, container, blob_name, grant))

    def _account(self, request, version, account, grant):
        comp = request.query.get("comp")
        if comp == "list" and request.method == "GET":
            grant.need("l")
            with account.lock:
                return 200, {"Content-Type": "application/xml"}, listing.list_containers(request, account)
        if comp == "userdelegationkey" and request.method == "POST" and request.query.get("restype") == "service":
            return user_delegation_key(request, version, grant, self.identities)
        raise invalid_query("comp", comp or "")

    def _container(self, request, account, name, grant):
        comp = request.query.get("comp")
        if comp is None and request.method == "PUT":
            return self._create(account, name, grant)
        container = account.containers.get(name)
        if container is None:
            raise container_not_found()
        if comp is None and request.method in ("GET", "HEAD"):
            if grant.kind == "sas" and grant.container is not None:
                # Container properties need an account's rights: no service SAS reads them.
                raise Refusal(
                    403, "AuthorizationFailure", "This request is not authorized to perform this operation.")
            grant.need("r")
            return 200, {"ETag": container.etag, "x-ms-lease-state": "available"}, b""
        if comp is None and request.method == "DELETE":
            grant.need("d")
            with account.lock:
                account.containers.pop(name, None)
            return 202, {}, b""
        if comp == "list" and request.method == "GET":
            if grant.kind == "sas" and grant.blob is not None:
                raise Refusal(
                    403, "AuthorizationResourceTypeMismatch",
                    "This request is not authorized to perform this operation using this resource type.")
            grant.need("l")
            with container.lock:
                return 200, {"Content-Type": "application/xml"}, listing.list_blobs(request, account, container)
        raise invalid_query("comp", comp or "")

    def _create(self, account, name, grant):
        grant.need("c", "w")
        with account.lock:
            if name in account.containers:
                raise Refusal(409, "ContainerAlreadyExists", "The specified container already exists.")
            account.containers[name] = Container(name)
            return 201, {"ETag": account.containers[name].etag}, b""


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    rbufsize = 1 << 18
    timeout = 300

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self):
        try:
            while self._one():
                pass
        except (OSError, ValueError):
            pass

    def _one(self):
        line = self.rfile.readline(65_537)
        if not line or line == b"\r\n":
            return bool(line)
        method, target, protocol = line.decode("latin-1").split()
        headers = self._headers()
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        service = self.server.service
        if "transfer-encoding" in headers or (method in ("PUT", "POST") and "content-length" not in headers):
            self._send(411, {"x-ms-error-code": "MissingContentLengthHeader", "Connection": "close"}, [b""], method)
            return False
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_LIMIT:
            return False
        fault = faults.pick(service.settings, method, target)
        if fault is not None and fault.kind == "reset_request":
            self.rfile.read(min(length, fault.bytes))
            return faults.reset(self.request)
        body = self.rfile.read(length)
        if len(body) != length:
            return False
        if fault is not None and fault.kind == "stall":
            time.sleep(fault.seconds)
        request = Request(
            method, target, headers, body, self.client_address[0], headers.get("host", ""), self.server.is_secure)
        if fault is not None and fault.kind == "status":
            status, answer, segments = fault.response()
        else:
            status, answer, segments = service.answer(request)
        if fault is not None and fault.kind == "reset_response":
            return faults.reset(self.request)
        return self._send(status, answer, segments, method, fault) and headers.get("connection") != "close"

    def _headers(self):
        headers = {}
        while True:
            line = self.rfile.readline(65_537)
            if line in (b"\r\n", b""):
                return headers
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()

    def _send(self, status, headers, segments, method, fault=None):
        if method == "HEAD" and "Content-Length" in headers:
            segments = []
        elif status != 304 and status != 204:
            headers["Content-Length"] = str(sum(len(segment) for segment in segments))
        headers.setdefault("Server", "Blob")
        headers.setdefault("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
        reason = http.HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if fault is not None:
            segments = fault.changed(segments)
        small = b"".join(segments) if sum(len(segment) for segment in segments) < 1 << 16 else None
        if small is not None:
            self.request.sendall(head.encode("latin-1") + b"\r\n" + (b"" if method == "HEAD" else small))
        else:
            self.request.sendall(head.encode("latin-1") + b"\r\n")
            for segment in segments:
                self.request.sendall(segment)
        if fault is not None and fault.cuts:
            return faults.reset(self.request)
        return True


class Server(socketserver.ThreadingTCPServer):
    """A listener, plain or with TLS."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service, port, context=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.service = service
        self.is_secure = context is not None
        self.context = context

    @property
    def port(self):
        return self.server_address[1]

    def finish_request(self, request, client_address):
        if self.context is not None:
            request.settimeout(30)
            request = self.context.wrap_socket(request, server_side=True)
            request.settimeout(None)
        self.RequestHandlerClass(request, client_address, self)

    def handle_error(self, request, client_address):
        if self.is_secure:
            return  # a client that trusts nobody here
        super().handle_error(request, client_address)

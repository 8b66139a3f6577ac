"""The identity platform: token endpoints for client secrets, federated tokens and managed identities."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
import urllib.parse

ROLES = {
    "Storage Blob Data Owner": "racwdxltmeo",
    "Storage Blob Data Contributor": "racwdxltme",
    "Storage Blob Data Reader": "rl",
    "none": "",
}
RESOURCE = "https://storage.azure.com/"


class Identity:
    """A service principal or managed identity, with one role on the account."""

    def __init__(self, client, secret, role, tenant):
        self.client = client
        self.secret = secret
        self.object = hashlib.sha256(client.encode()).hexdigest()[:32]
        self.tenant = tenant
        self.permissions = frozenset(ROLES[role])
        # Any of the data roles but none may make keys for signatures.
        self.may_delegate = role != "none"


class Identities:
    """All identities of a tenant, and the tokens that were given to them."""

    def __init__(self, tenant, lifetime=3600):
        self.tenant = tenant
        self.lifetime = lifetime
        self.identities = {}
        self.federated_file = None
        self.app_service_secret = None
        self.managed = None
        self.tokens = {}
        self.issued = 0
        self.lock = threading.Lock()
        self.delegation_secret = os.urandom(32)

    def add(self, client, secret, role):
        self.identities[client] = Identity(client, secret, role, self.tenant)

    def by_token(self, token):
        with self.lock:
            identity, expires = self.tokens.get(token, (None, 0))
        return identity if time.time() < expires else None

    def by_object(self, object_id, tenant):
        for identity in self.identities.values():
            if identity.object == object_id and identity.tenant == tenant:
                return identity
        return None

    def delegation_key(self, query):
        text = "\n".join(query[name] for name in ("skoid", "sktid", "skt", "ske", "sks", "skv"))
        return hmac.new(self.delegation_secret, text.encode(), hashlib.sha256).digest()

    def issue(self, identity):
        token = base64.urlsafe_b64encode(os.urandom(48)).decode()
        with self.lock:
            self.tokens[token] = (identity, time.time() + self.lifetime)
            self.issued += 1
        return token

    # Endpoints. Each gives (status, object), or None if the request isn't for it.

    def answer(self, request):
        path = request.raw_path
        if path.endswith("/oauth2/v2.0/token") and request.method == "POST":
            return self._token_endpoint(request, path.split("/")[1])
        if path == "/metadata/identity/oauth2/token":
            return self._instance_metadata(request)
        if path == "/msi/token":
            return self._app_service(request)
        return None

    def _token_endpoint(self, request, tenant):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        if tenant != self.tenant:
            return 400, {"error": "invalid_request", "error_description": f"AADSTS90002: Tenant '{tenant}' not found."}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": "AADSTS70003: unsupported grant."}
        if form.get("scope") != "https://storage.azure.com/.default":
            return 400, {"error": "invalid_scope", "error_description": "AADSTS70011: The provided scope is not valid."}
        identity = self.identities.get(form.get("client_id", ""))
        if identity is None:
            return 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: Application with identifier "
                         f"'{form.get('client_id')}' was not found in the directory."}
        if not self._proves(identity, form):
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        return 200, {
            "token_type": "Bearer", "expires_in": self.lifetime, "ext_expires_in": self.lifetime,
            "access_token": self.issue(identity)}

    def _proves(self, identity, form):
        if "client_assertion" in form:
            if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
                return False
            if self.federated_file is None:
                return False
            with open(self.federated_file, encoding="ascii") as file:
                return form["client_assertion"] == file.read().strip()
        return identity.secret is not None and form.get("client_secret") == identity.secret

    def _managed(self, query):
        if query.get("resource", "").rstrip("/") != RESOURCE.rstrip("/"):
            return 400, {"error": "invalid_resource", "error_description": "AADSTS500011: unknown resource"}
        client = query.get("client_id", self.managed)
        identity = self.identities.get(client) if self.managed is not None else None
        if identity is None:
            return 400, {"error": "invalid_request", "error_description": "Identity not found"}
        expires = int(time.time()) + self.lifetime
        return 200, {
            "access_token": self.issue(identity), "client_id": client, "expires_in": str(self.lifetime),
            "expires_on": str(expires), "resource": RESOURCE, "token_type": "Bearer"}

    def _instance_metadata(self, request):
        if request.headers.get("metadata") != "true" or "x-forwarded-for" in request.headers:
            return 400, {"error": "bad_request_102", "error_description": "Required metadata header not specified"}
        if request.query.get("api-version") != "2018-02-01":
            return 400, {"error": "bad_request", "error_description": "unknown api-version"}
        return self._managed(request.query)

    def _app_service(self, request):
        if self.app_service_secret is None or request.headers.get("x-identity-header") != self.app_service_secret:
            return 401, {"statusCode": 401, "message": "Unauthorized"}
        if request.query.get("api-version") != "2019-08-01":
            return 400, {"statusCode": 400, "message": "unknown api-version"}
        return self._managed(request.query)


def encoded(answer):
    status, value = answer
    return status, json.dumps(value).encode()

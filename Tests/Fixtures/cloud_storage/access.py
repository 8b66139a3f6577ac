"""Tokens, assertions and signatures, verified with the account's public key."""

import base64
import hashlib
import json
import time
import urllib.parse
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from store import Refused

SCOPES = {
    "https://www.googleapis.com/auth/devstorage.full_control", "https://www.googleapis.com/auth/cloud-platform",
}


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class OAuthRefused(Exception):
    def __init__(self, error, description):
        super().__init__(description)
        self.error, self.description = error, description


class Access:
    def __init__(self, private_key, email, anonymous):
        self.private = serialization.load_pem_private_key(private_key, None) if private_key else None
        self.key = self.private.public_key() if self.private else None
        self.email, self.anonymous = email, anonymous
        self.tokens = {}
        self.lifetime = 3600

    def is_signed(self, message, signature):
        if self.key is None:
            return False
        try:
            self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            return True
        except InvalidSignature:
            return False

    def sign(self, message):
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def issue(self, who):
        token = "ya29." + uuid.uuid4().hex
        self.tokens[token] = (who, time.time() + self.lifetime)
        return {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}

    def require(self, headers):
        """Who asks."""
        if self.anonymous:
            return "anonymous"
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        who, end = self.tokens.get(token, (None, 0))
        if scheme != "Bearer" or who is None or end < time.time():
            raise Refused(401, "authError", "Invalid Credentials")
        return who

    # OAuth

    def token(self, form):
        grant = form.get("grant_type", "")
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self.by_assertion(form.get("assertion", ""))
        if grant == "refresh_token":
            wanted = {"client_id": "client", "client_secret": "client-secret", "refresh_token": "refresh-me"}
            if any(form.get(name) != value for name, value in wanted.items()):
                raise OAuthRefused("invalid_grant", "Bad Request")
            return self.issue("user")
        raise OAuthRefused("unsupported_grant_type", "unknown grant")

    def by_assertion(self, assertion):
        parts = assertion.split(".")
        if len(parts) != 3:
            raise OAuthRefused("invalid_grant", "Invalid JWT")
        header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
        if header.get("alg") != "RS256" or header.get("typ") != "JWT":
            raise OAuthRefused("invalid_grant", "Invalid JWT header")
        if not self.is_signed((parts[0] + "." + parts[1]).encode(), decode(parts[2])):
            raise OAuthRefused("invalid_grant", "Invalid JWT Signature.")
        if claims.get("iss") != self.email:
            raise OAuthRefused("invalid_grant", "Invalid grant: account not found")
        if not claims["aud"].endswith("/token") or claims.get("scope") not in SCOPES:
            raise OAuthRefused("invalid_scope", "Invalid audience or scope")
        if not claims["iat"] - 60 <= time.time() < claims["exp"] or claims["exp"] - claims["iat"] > 3600:
            raise OAuthRefused("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        return self.issue(self.email)

    def exchange(self, form):
        wanted = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": "subject-token", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        }
        for name, value in wanted.items():
            if form.get(name) != value:
                raise OAuthRefused("invalid_request", "%s is wrong" % name)
        return dict(self.issue("federated"), issued_token_type=wanted["requested_token_type"])

    # V4 signed URLs

    def verify_url(self, method, host, path, raw_query):
        items = [item.partition("=")[::2] for item in raw_query.split("&")]
        query = {urllib.parse.unquote(name): urllib.parse.unquote(value) for name, value in items}
        signature = bytes.fromhex(query.get("X-Goog-Signature", ""))
        date, lifetime = query.get("X-Goog-Date", ""), int(query.get("X-Goog-Expires", 0))
        scope = "%s/auto/storage/goog4_request" % date[:8]
        if query.get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" or not 1 <= lifetime <= 604800:
            raise Refused(400, "invalid", "InvalidQueryParameterValue")
        if query.get("X-Goog-Credential") != "%s/%s" % (self.email, scope):
            raise Refused(403, "forbidden", "The credential is not the account's")
        issued = time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone
        if not issued - 900 <= time.time() < issued + lifetime:
            raise Refused(400, "invalid", "ExpiredToken")
        canonical = "&".join(sorted("%s=%s" % item for item in items if item[0] != "X-Goog-Signature"))
        request = "\n".join([method, path, canonical, "host:" + host.partition(":")[0], "", "host", "UNSIGNED-PAYLOAD"])
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["GOOG4-RSA-SHA256", date, scope, digest])
        if not self.is_signed(text.encode(), signature):
            raise Refused(403, "forbidden", "SignatureDoesNotMatch")
        return query

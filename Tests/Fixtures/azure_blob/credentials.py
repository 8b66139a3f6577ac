"""Who sends a request and what it may do: shared keys, shared access signatures, bearer tokens."""

import base64
import datetime
import email.utils
import hashlib
import hmac
import ipaddress
import time

from errors import Refusal, authentication_failed, invalid_query, permission_mismatch
from versions import KNOWN, require

ALL = frozenset("racwdxltmeo")
PERMISSION_ORDER = "racwdxyltfmeop"


class Grant:
    """What a credential allows. `is_same_account`: copies inside the account need no signature for their source."""

    def __init__(self, permissions, account, kind, container=None, blob=None, overrides=None, identity=None):
        self.permissions = frozenset(permissions)
        self.account = account
        self.kind = kind
        self.container = container
        self.blob = blob
        self.overrides = overrides or {}
        self.identity = identity

    @property
    def is_same_account(self):
        return self.kind in ("key", "bearer")

    def need(self, *choices):
        """Raises unless one of the permissions is granted."""
        if not any(choice in self.permissions for choice in choices):
            raise permission_mismatch()


def sign(key, text):
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def equal(left, right):
    return hmac.compare_digest(left.encode(), right.encode())


# Shared key


def string_to_sign(request, version, account):
    """The string of version 2009-09-19 and later; a length of 0 is left out since 2015-02-21."""
    headers = request.headers
    length = headers.get("content-length", "")
    if length == "0" and version >= "2015-02-21":
        length = ""
    date = "" if "x-ms-date" in headers else headers.get("date", "")
    lines = [
        request.method, headers.get("content-encoding", ""), headers.get("content-language", ""), length,
        headers.get("content-md5", ""), headers.get("content-type", ""), date, headers.get("if-modified-since", ""),
        headers.get("if-match", ""), headers.get("if-none-match", ""), headers.get("if-unmodified-since", ""),
        headers.get("range", ""),
    ]
    for name in sorted(name for name in headers if name.startswith("x-ms-")):
        lines.append(f"{name}:{' '.join(headers[name].split())}")
    lines.append(f"/{account.name}{request.raw_path}")
    values = {}
    for name, value in request.query_items:
        values.setdefault(name.lower(), []).append(value)
    for name in sorted(values):
        lines.append(f"{name}:{','.join(sorted(values[name]))}")
    return "\n".join(lines)


def check_date(request):
    text = request.headers.get("x-ms-date") or request.headers.get("date")
    if text is None:
        raise authentication_failed("Neither Date nor x-ms-date is given.")
    try:
        sent = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        raise authentication_failed("The Date header in the request is incorrect.") from None
    if abs(time.time() - sent) > 15 * 60:
        raise authentication_failed("Request date header too old: '" + text + "'")


def by_shared_key(request, version, account, value):
    name, _, signature = value.partition(":")
    if name != account.name:
        raise authentication_failed("The account of the Authorization header isn't the account of the URL.")
    check_date(request)
    text = string_to_sign(request, version, account)
    if not equal(signature, sign(account.key, text)):
        shown = text.replace("\n", "\\n")
        raise authentication_failed(
            f"The MAC signature found in the HTTP request is not the same as any computed signature. "
            f"Server used following string to sign: '{shown}'.")
    return Grant(ALL, account, "key")


# Shared access signatures


def parse_time(text, name):
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S.%f0Z"):
        try:
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc).timestamp()
        except ValueError:
            continue
    raise authentication_failed(f"Signature did not match: {name} is no time.")


def _common_checks(request, query, server):
    if "se" not in query:
        raise authentication_failed("se is missing.")
    now = time.time()
    if parse_time(query["se"], "se") <= now:
        raise authentication_failed(f"Signature not valid in the specified time frame: Expiry [{query['se']}]")
    if query.get("st") and parse_time(query["st"], "st") > now:
        raise authentication_failed(f"Signature not valid in the specified time frame: Start [{query['st']}]")
    if query.get("spr", "https,http") not in ("https", "https,http"):
        raise invalid_query("spr", query["spr"])
    if query.get("spr") == "https" and not request.is_secure:
        raise Refusal(
            403, "AuthorizationProtocolMismatch",
            "This request is not authorized to perform this operation using this protocol.")
    if query.get("sip"):
        first, _, last = query["sip"].partition("-")
        if not ipaddress.ip_address(first) <= ipaddress.ip_address(request.client) <= ipaddress.ip_address(last or first):
            raise Refusal(
                403, "AuthorizationSourceIPMismatch",
                "This request is not authorized to perform this operation using this source IP.")


def _permissions(query):
    permissions = query.get("sp", "")
    places = [PERMISSION_ORDER.find(letter) for letter in permissions]
    if not permissions or -1 in places or places != sorted(set(places)):
        raise authentication_failed("sp is empty, has unknown letters, or isn't in the order " + PERMISSION_ORDER)
    return permissions


def by_sas(request, query, path, account, server):
    """A service or account SAS. `path`: (container, blob) that the URL names; either may be None."""
    version = query.get("sv")
    if version not in KNOWN or version < "2018-11-09":
        raise authentication_failed("sv is missing, unknown, or older than 2018-11-09.")
    _common_checks(request, query, server)
    if "ss" in query:
        return _account_sas(query, version, account)
    container, blob = path
    resource = query.get("sr")
    if resource not in ("b", "c"):
        raise authentication_failed("sr is neither b nor c.")
    if container is None or (resource == "b" and blob is None):
        raise Refusal(
            403, "AuthorizationResourceTypeMismatch",
            "This request is not authorized to perform this operation using this resource type.")
    permissions = _permissions(query)
    name = f"/blob/{account.name}/{container}" + (f"/{blob}" if resource == "b" else "")
    fields = [query.get("sp", ""), query.get("st", ""), query["se"], name]
    identity = None
    if "skoid" in query:
        key, identity = _delegation_key(query, account, server)
        fields += _delegation_fields(query, version)
    else:
        key = account.key
        fields.append(query.get("si", ""))
    fields += [query.get("sip", ""), query.get("spr", ""), version, resource, ""]
    if version >= "2020-12-06":
        fields.append(query.get("ses", ""))
    if "skoid" in query and version >= "2026-04-06":
        fields += ["", ""]  # signed headers and query parameters, which are not offered here
    fields += [query.get(field, "") for field in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    text = "\n".join(fields)
    if not equal(query.get("sig", ""), sign(key, text)):
        shown = text.replace("\n", "\\n")
        raise authentication_failed(f"Signature did not match. String to sign used was {shown}")
    if identity is not None:
        permissions = frozenset(permissions) & identity.permissions
    overrides = {
        header: query[field]
        for field, header in (
            ("rscc", "Cache-Control"), ("rscd", "Content-Disposition"), ("rsce", "Content-Encoding"),
            ("rscl", "Content-Language"), ("rsct", "Content-Type"))
        if field in query
    }
    return Grant(
        permissions, account, "sas", container, blob if resource == "b" else None, overrides, identity)


def _delegation_key(query, account, server):
    require(query["sv"], "2018-11-09", "a user delegation SAS")
    now = time.time()
    for name in ("sktid", "skt", "ske", "sks", "skv"):
        if name not in query:
            raise authentication_failed(f"{name} is missing.")
    if query["sks"] != "b" or query["skv"] not in KNOWN:
        raise authentication_failed("sks or skv is wrong.")
    if not parse_time(query["skt"], "skt") <= now < parse_time(query["ske"], "ske"):
        raise authentication_failed("The user delegation key is not valid now.")
    identity = server.identities.by_object(query["skoid"], query["sktid"])
    if identity is None:
        raise authentication_failed("Nobody has this object and tenant id.")
    return server.identities.delegation_key(query), identity


def _delegation_fields(query, version):
    fields = [query.get(name, "") for name in ("skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid")]
    if version >= "2025-07-05":
        fields += [query.get("skdutid", ""), query.get("sduoid", "")]
    return fields


def _account_sas(query, version, account):
    if "b" not in query["ss"]:
        raise Refusal(
            403, "AuthorizationServiceMismatch",
            "This request is not authorized to perform this operation using this service.")
    fields = [
        account.name, query.get("sp", ""), query["ss"], query.get("srt", ""), query.get("st", ""), query["se"],
        query.get("sip", ""), query.get("spr", ""), version,
    ]
    if version >= "2020-12-06":
        fields.append(query.get("ses", ""))
    if not equal(query.get("sig", ""), sign(account.key, "\n".join(fields) + "\n")):
        raise authentication_failed("Signature did not match.")
    return Grant(frozenset(query.get("sp", "")), account, "sas")


# All of them


def authenticate(request, version, path, account, server):
    """Gives what the request may do; raises if nobody sent it."""
    value = request.headers.get("authorization")
    if value is not None:
        scheme, _, rest = value.partition(" ")
        if scheme == "SharedKey":
            return by_shared_key(request, version, account, rest)
        if scheme == "Bearer":
            return by_bearer(request, version, account, rest, server)
        raise Refusal(
            400, "InvalidAuthenticationInfo",
            "Authentication information is not given in the correct format. Check the value of Authorization header.")
    if "sig" in request.query:
        return by_sas(request, request.query, path, account, server)
    raise Refusal(
        401, "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        {"WWW-Authenticate": "Bearer authorization_uri=https://login.microsoftonline.com/"
            f"{server.identities.tenant}/oauth2/authorize resource_id=https://storage.azure.com"})


def by_bearer(request, version, account, token, server):
    require(version, "2017-11-09", "a bearer token")
    if not request.is_secure:
        raise Refusal(
            403, "AuthenticationFailed", "Authentication scheme Bearer is not supported over unencrypted connections.")
    identity = server.identities.by_token(token)
    if identity is None:
        raise Refusal(401, "InvalidAuthenticationInfo", "Server failed to authenticate the request: the token is unknown "
                      "or has expired.", {"WWW-Authenticate": "Bearer error=\"invalid_token\""})
    return Grant(identity.permissions, account, "bearer", identity=identity)

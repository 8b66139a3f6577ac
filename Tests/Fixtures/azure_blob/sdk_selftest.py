"""Holds the fake against Microsoft's own SDK: python3 sdk_selftest.py PORT TLSPORT CERTIFICATE.

What the SDK signs must be accepted, what is altered must be refused, and what the fake answers must mean to the SDK what
the service's answers mean. Prints one line for each check and ends with `ok`; the first that fails ends it with an error.
"""

import base64
import datetime
import http.client
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError, HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError)
from azure.storage.blob import (
    AccountSasPermissions, BlobBlock, BlobClient, BlobSasPermissions, BlobServiceClient, ContainerClient,
    ContainerSasPermissions, ResourceTypes, generate_account_sas, generate_blob_sas, generate_container_sas)

ACCOUNT = "devaccount"
KEY = base64.b64encode(b"a key that only tests know, 123456").decode()
CONTAINER = "sdk"
TENANT = "11111111-2222-3333-4444-555555555555"
PORT, TLS_PORT, CERTIFICATE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
URL = f"http://127.0.0.1:{PORT}/{ACCOUNT}"
TLS_URL = f"https://127.0.0.1:{TLS_PORT}/{ACCOUNT}"
NO_RETRIES = {"retry_total": 0, "connection_verify": CERTIFICATE}
NOW = datetime.datetime.now(datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


def refused(kind, status, code, body):
    try:
        body()
    except kind as error:
        assert error.status_code == status, (error.status_code, error)
        assert code is None or error.error_code == code, (error.error_code, code)
        return
    raise AssertionError(f"accepted; expected {status} {code}")


def service(credential=KEY, url=URL, **options):
    return BlobServiceClient(url, credential=credential, **(NO_RETRIES | options))


class TokenCredential:
    """Gets tokens at the fake's own endpoint."""

    def __init__(self, client, secret):
        self.client, self.secret = client, secret

    def get_token(self, *scopes, **_):
        form = urllib.parse.urlencode({
            "grant_type": "client_credentials", "client_id": self.client, "client_secret": self.secret,
            "scope": scopes[0]})
        status, answer = ask("POST", f"/{TENANT}/oauth2/v2.0/token", form, {
            "Content-Type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise ClientAuthenticationError(str(answer))
        return AccessToken(answer["access_token"], int(time.time()) + answer["expires_in"])


def ask(method, path, body=None, headers=None):
    connection = http.client.HTTPSConnection(
        "127.0.0.1", TLS_PORT, context=ssl.create_default_context(cafile=CERTIFICATE))
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, json.loads(answer or b"null")


def settings(**values):
    ask("POST", "/.fake/settings", json.dumps(values))


def shared_key():
    client = service().get_container_client(CONTAINER)
    blob = client.get_blob_client("a folder/näme+%25 with ~odd'chars")
    result = blob.upload_blob(b"content", overwrite=True, metadata={"one": "1"})
    assert blob.download_blob().readall() == b"content"
    properties = blob.get_blob_properties()
    assert properties.etag == result["etag"] and properties.metadata == {"one": "1"} and properties.size == 7
    assert blob.download_blob(offset=2, length=3).readall() == b"nte"
    blob.delete_blob()
    refused(ResourceNotFoundError, 404, "BlobNotFound", blob.get_blob_properties)
    wrong = base64.b64encode(b"another key").decode()
    refused(ClientAuthenticationError, 403, "AuthenticationFailed",
            lambda: service(wrong).get_container_client(CONTAINER).get_container_properties())
    refused(ResourceNotFoundError, 404, "ContainerNotFound",
            lambda: service().get_container_client("missing").get_container_properties())
    refused(HttpResponseError, 401, "NoAuthenticationInformation",
            lambda: service(None).get_container_client(CONTAINER).get_container_properties())


def signed(method, path, headers, key=KEY, body=b"", age=0):
    """A request signed by hand, so that single parts of it can be wrong."""
    import email.utils
    import hashlib
    import hmac
    headers = {"x-ms-date": email.utils.formatdate(time.time() - age, usegmt=True), "x-ms-version": "2021-12-02"} | headers
    canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-ms-"))
    target, _, query = path.partition("?")
    resource = f"/{ACCOUNT}{target}" + "".join(
        f"\n{name}:{value}" for name, value in sorted(urllib.parse.parse_qsl(query)))
    length = str(len(body)) if body else ""
    text = f"{method}\n\n\n{length}\n\n{headers.get('Content-Type', '')}\n\n\n\n\n\n\n{canonical}{resource}"
    signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request(method, path, body or None, headers | {"Authorization": f"SharedKey {ACCOUNT}:{signature}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers.get("x-ms-error-code")


def strictness():
    path = f"/{ACCOUNT}/{CONTAINER}?restype=container"
    assert signed("GET", path, {}) == (200, None)
    assert signed("GET", path, {}, age=1200) == (403, "AuthenticationFailed")
    assert signed("GET", path, {"x-ms-version": "2021-12-03"}) == (400, "InvalidHeaderValue")
    assert signed("GET", f"/other/{CONTAINER}?restype=container", {}) == (404, "ResourceNotFound")
    blob = f"/{ACCOUNT}/{CONTAINER}/strict"
    assert signed("PUT", blob, {}, body=b"x") == (400, "MissingRequiredHeader")
    put = {"x-ms-blob-type": "BlockBlob", "Content-Type": "text/plain"}
    assert signed("PUT", blob, put, body=b"x") == (201, None)
    old = {"x-ms-version": "2016-05-31"}
    assert signed("PUT", blob + "?comp=block&blockid=AAAA", old | {"x-ms-copy-source": URL}, )[0] == 400
    # The length of an empty body is signed as "0" before 2015-02-21 and left out since.
    assert signed("DELETE", blob, {"x-ms-version": "2014-02-14"})[0] == 202
    # A header that isn't signed, or a parameter that is changed, breaks the signature.
    import email.utils
    assert signed("GET", path + "&comp=list", {"x-ms-date": email.utils.formatdate(usegmt=True)})[0] == 200


def blocks():
    client = service().get_container_client(CONTAINER)
    blob = client.get_blob_client("blocks")
    for name, content in (("0001", b"one"), ("0002", b"two"), ("0003", b"three")):
        blob.stage_block(name, content)
    assert not list(client.list_blobs(name_starts_with="blocks"))
    assert [found.name for found in client.list_blobs(name_starts_with="blocks", include=["uncommittedblobs"])] == ["blocks"]
    committed, waiting = blob.get_block_list("all")
    assert not committed and sorted((block.id, block.size) for block in waiting) == [
        ("0001", 3), ("0002", 3), ("0003", 5)]
    refused(HttpResponseError, 400, "InvalidBlobOrBlock", lambda: blob.stage_block("00004", b"longer id"))
    refused(HttpResponseError, 400, "InvalidHeaderValue", lambda: blob.stage_block("0004", b""))
    refused(HttpResponseError, 400, "InvalidBlockList", lambda: blob.commit_block_list([BlobBlock("0009")]))
    blob.commit_block_list([BlobBlock("0001"), BlobBlock("0003")])
    assert blob.download_blob().readall() == b"onethree"
    committed, waiting = blob.get_block_list("all")
    assert [block.id for block in committed] == ["0001", "0003"] and not waiting
    blob.stage_block("0005", b"five")
    blob.upload_blob(b"replaced", overwrite=True)
    refused(HttpResponseError, 400, "InvalidBlockList", lambda: blob.commit_block_list([BlobBlock("0005")]))
    blob.stage_block("0006", b"six")
    blob.delete_blob()
    many = [BlobBlock("0001")] * 50_001
    refused(HttpResponseError, 400, "BlockListTooLong", lambda: blob.commit_block_list(many))
    blob.upload_blob(os.urandom(300_000), overwrite=True, max_concurrency=4, validate_content=True)
    large = BlobClient(URL, CONTAINER, "large", credential=KEY, max_block_size=100_000, max_single_put_size=50_000,
                       **NO_RETRIES)
    content = os.urandom(1_234_567)
    large.upload_blob(content, overwrite=True, max_concurrency=4)
    assert large.download_blob(max_concurrency=4).readall() == content
    assert len(large.get_block_list()[0]) == 13


def append_blobs():
    blob = service().get_container_client(CONTAINER).get_blob_client("append")
    blob.create_append_blob()
    assert blob.append_block(b"one")["blob_append_offset"] == "0"
    etag = blob.append_block(b"two", appendpos_condition=3)["etag"]
    refused(HttpResponseError, 412, "AppendPositionConditionNotMet",
            lambda: blob.append_block(b"x", appendpos_condition=3))
    blob.append_block(b"!", etag=etag, match_condition=MatchConditions.IfNotModified)
    refused(ResourceModifiedError, 412, "ConditionNotMet",
            lambda: blob.append_block(b"x", etag=etag, match_condition=MatchConditions.IfNotModified))
    refused(HttpResponseError, 412, "MaxBlobSizeConditionNotMet", lambda: blob.append_block(b"x", maxsize_condition=7))
    assert blob.download_blob().readall() == b"onetwo!"
    properties = blob.get_blob_properties()
    assert properties.blob_type == "AppendBlob" and properties.append_blob_committed_block_count == 3
    refused(ResourceExistsError, 409, "InvalidBlobType", lambda: blob.stage_block("0001", b"x"))
    refused(ResourceExistsError, 409, "InvalidBlobType", lambda: blob.upload_blob(b"x", overwrite=True))


def conditions():
    blob = service().get_container_client(CONTAINER).get_blob_client("conditions")
    etag = blob.upload_blob(b"one")["etag"]
    refused(ResourceExistsError, 409, "BlobAlreadyExists", lambda: blob.upload_blob(b"two"))
    unchanged = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    newer = blob.upload_blob(b"two", overwrite=True, **unchanged)["etag"]
    assert newer != etag
    refused(ResourceModifiedError, 412, "ConditionNotMet", lambda: blob.upload_blob(b"x", overwrite=True, **unchanged))
    refused(ResourceModifiedError, 412, "ConditionNotMet", lambda: blob.download_blob(**unchanged))
    refused(ResourceModifiedError, 412, "ConditionNotMet", lambda: blob.delete_blob(**unchanged))
    changed = {"etag": newer, "match_condition": MatchConditions.IfModified}
    refused(HttpResponseError, 304, None, lambda: blob.get_blob_properties(**changed))
    # 64 racers: one wins.
    wins = []

    def race(number):
        try:
            service().get_blob_client(CONTAINER, "race").upload_blob(str(number).encode())
            wins.append(number)
        except ResourceExistsError:
            pass

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1


def copies():
    container = service().get_container_client(CONTAINER)
    source, target = container.get_blob_client("source"), container.get_blob_client("target")
    source.upload_blob(b"copied", overwrite=True, metadata={"kept": "yes"})
    assert target.start_copy_from_url(source.url)["copy_status"] == "success"
    assert target.download_blob().readall() == b"copied"
    assert target.get_blob_properties().metadata == {"kept": "yes"}
    refused(ResourceExistsError, 409, "BlobAlreadyExists", lambda: target.start_copy_from_url(
        source.url, match_condition=MatchConditions.IfMissing))
    # Synchronous copies and ranges need a signature for the source.
    refused(HttpResponseError, 401, "CannotVerifyCopySource",
            lambda: target.start_copy_from_url(source.url, requires_sync=True))
    sas = generate_blob_sas(ACCOUNT, CONTAINER, "source", account_key=KEY, permission="r", expiry=NOW + HOUR)
    target.start_copy_from_url(f"{source.url}?{sas}", requires_sync=True)
    target.stage_block_from_url("0001", f"{source.url}?{sas}", source_offset=2, source_length=3)
    target.commit_block_list([BlobBlock("0001")])
    assert target.download_blob().readall() == b"pie"
    target.upload_blob_from_url(f"{source.url}?{sas}", overwrite=True)
    assert target.download_blob().readall() == b"copied"
    refused(ResourceNotFoundError, 404, "BlobNotFound",
            lambda: target.start_copy_from_url(container.get_blob_client("no-such").url))
    settings(copy_seconds=0.5)
    try:
        started = target.start_copy_from_url(source.url)
        assert started["copy_status"] == "pending"
        properties = target.get_blob_properties()
        assert properties.copy.status == "pending" and properties.size == 0
        refused(ResourceExistsError, 409, "PendingCopyOperation", lambda: target.upload_blob(b"x", overwrite=True))
        refused(ResourceExistsError, 409, "CopyIdMismatch", lambda: target.abort_copy("another"))
        target.abort_copy(started["copy_id"])
        assert target.get_blob_properties().copy.status == "aborted" and target.get_blob_properties().size == 0
        refused(ResourceExistsError, 409, "NoPendingCopyOperation", lambda: target.abort_copy(started["copy_id"]))
        target.start_copy_from_url(source.url)
        time.sleep(0.6)
        assert target.get_blob_properties().copy.status == "success"
        assert target.download_blob().readall() == b"copied"
    finally:
        settings(copy_seconds=0.0)


def listings():
    service().create_container("listed")
    container = service().get_container_client("listed")
    names = ["a", "a-b/x", "a.b", "a/x", "a/y/z", "b", "c/d"]
    for name in names:
        container.get_blob_client(name).upload_blob(b"x")
    assert [blob.name for blob in container.list_blobs()] == names
    for size in (1, 2, 3, 7):
        pages = container.list_blobs(results_per_page=size).by_page()
        assert [[blob.name for blob in page] for page in pages] == [
            names[start:start + size] for start in range(0, len(names), size)]
        # The SDK gives the prefixes of a page before its blobs.
        walked = sorted(item.name for item in container.walk_blobs(results_per_page=size))
        assert walked == ["a", "a-b/", "a.b", "a/", "b", "c/"], (size, walked)
    assert sorted(item.name for item in container.walk_blobs(name_starts_with="a/")) == ["a/x", "a/y/"]
    refused(HttpResponseError, 400, "InvalidQueryParameterValue",
            lambda: next(container.list_blobs().by_page(continuation_token="nonsense")))
    container.delete_container()


def signatures():
    blob = service().get_blob_client(CONTAINER, "signed")
    blob.upload_blob(b"signed", overwrite=True)

    def by(token, url=URL, name="signed"):
        return BlobClient(url, CONTAINER, name, credential=token, **NO_RETRIES)

    def make(**options):
        return generate_blob_sas(ACCOUNT, CONTAINER, "signed", account_key=KEY, **(
            {"permission": BlobSasPermissions(read=True), "expiry": NOW + HOUR} | options))

    token = make(content_type="text/x-signed", content_disposition="attachment; filename=\"a b\"")
    stream = by(token).download_blob()
    assert stream.readall() == b"signed" and stream.properties.content_settings.content_type == "text/x-signed"
    assert by(make()).get_blob_properties().size == 6
    refused(ClientAuthenticationError, 403, "AuthenticationFailed", lambda: by(make(), name="other").download_blob())
    refused(ClientAuthenticationError, 403, "AuthenticationFailed", lambda: by(make(expiry=NOW - HOUR)).download_blob())
    refused(ClientAuthenticationError, 403, "AuthenticationFailed", lambda: by(make(start=NOW + HOUR)).download_blob())
    refused(HttpResponseError, 403, "AuthorizationPermissionMismatch", lambda: by(make()).upload_blob(b"x", overwrite=True))
    refused(HttpResponseError, 403, "AuthorizationPermissionMismatch", lambda: by(make()).delete_blob())
    refused(HttpResponseError, 403, "AuthorizationProtocolMismatch", lambda: by(make(protocol="https")).download_blob())
    assert by(make(protocol="https"), TLS_URL).download_blob().readall() == b"signed"
    refused(HttpResponseError, 403, "AuthorizationSourceIPMismatch", lambda: by(make(ip="192.0.2.1")).download_blob())
    assert by(make(ip="127.0.0.0-127.0.0.9")).download_blob().readall() == b"signed"
    altered = make().replace("sp=r", "sp=rw")
    refused(ClientAuthenticationError, 403, "AuthenticationFailed", lambda: by(altered).download_blob())
    create = make(permission=BlobSasPermissions(create=True))
    refused(HttpResponseError, 403, "AuthorizationPermissionMismatch", lambda: by(create).upload_blob(b"x", overwrite=True))
    container = generate_container_sas(
        ACCOUNT, CONTAINER, account_key=KEY, permission=ContainerSasPermissions(read=True, list=True), expiry=NOW + HOUR)
    client = ContainerClient(URL, CONTAINER, credential=container, **NO_RETRIES)
    assert "signed" in [item.name for item in client.list_blobs()]
    refused(HttpResponseError, 403, "AuthorizationFailure", client.get_container_properties)
    account = generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(container=True, object=True), AccountSasPermissions(read=True, list=True), NOW + HOUR)
    assert service(account).get_container_client(CONTAINER).get_container_properties()


def tokens():
    container = service(TokenCredential("writer", "writer-secret"), TLS_URL).get_container_client(CONTAINER)
    container.get_blob_client("by-token").upload_blob(b"token", overwrite=True)
    assert container.get_blob_client("by-token").download_blob().readall() == b"token"
    reader = service(TokenCredential("reader", "reader-secret"), TLS_URL)
    assert reader.get_blob_client(CONTAINER, "by-token").download_blob().readall() == b"token"
    refused(HttpResponseError, 403, "AuthorizationPermissionMismatch",
            lambda: reader.get_blob_client(CONTAINER, "by-token").delete_blob())
    refused(ClientAuthenticationError, 401, "InvalidAuthenticationInfo", lambda: service(
        _Fixed("nonsense"), TLS_URL).get_blob_client(CONTAINER, "by-token").download_blob())
    try:
        TokenCredential("writer", "wrong").get_token("https://storage.azure.com/.default")
        raise AssertionError("a wrong secret was accepted")
    except ClientAuthenticationError:
        pass
    key = service(TokenCredential("writer", "writer-secret"), TLS_URL).get_user_delegation_key(NOW, NOW + HOUR)
    token = generate_blob_sas(
        ACCOUNT, CONTAINER, "by-token", user_delegation_key=key, permission="r", expiry=NOW + HOUR)
    by = BlobClient(TLS_URL, CONTAINER, "by-token", credential=token, **NO_RETRIES)
    assert by.download_blob().readall() == b"token"
    key.value = base64.b64encode(b"forged").decode()
    forged = generate_blob_sas(
        ACCOUNT, CONTAINER, "by-token", user_delegation_key=key, permission="r", expiry=NOW + HOUR)
    refused(ClientAuthenticationError, 403, "AuthenticationFailed", lambda: BlobClient(
        TLS_URL, CONTAINER, "by-token", credential=forged, **NO_RETRIES).download_blob())
    refused(HttpResponseError, 400, "InvalidXmlNodeValue", lambda: service(
        TokenCredential("writer", "writer-secret"), TLS_URL).get_user_delegation_key(NOW, NOW + 200 * HOUR))
    refused(HttpResponseError, 403, "AuthenticationFailed", lambda: service().get_user_delegation_key(NOW, NOW + HOUR))


class _Fixed:
    def __init__(self, token):
        self.token = token

    def get_token(self, *_, **__):
        return AccessToken(self.token, int(time.time()) + 3600)


def managed_identities():
    query = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F"
    assert ask("GET", query)[0] == 400
    status, answer = ask("GET", query, headers={"Metadata": "true"})
    assert status == 200
    service(_Fixed(answer["access_token"]), TLS_URL).get_container_client(CONTAINER).get_container_properties()
    query = "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com%2F"
    assert ask("GET", query, headers={"X-IDENTITY-HEADER": "wrong"})[0] == 401
    assert ask("GET", query, headers={"X-IDENTITY-HEADER": "app-secret"})[0] == 200


def main():
    service().create_container(CONTAINER)
    for check in (shared_key, strictness, blocks, append_blobs, conditions, copies, listings, signatures, tokens,
                  managed_identities):
        check()
        print(check.__name__, flush=True)
    print("ok")


main()

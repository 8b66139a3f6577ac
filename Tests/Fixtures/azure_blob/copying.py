"""Copies: asynchronous, synchronous, and of ranges into blocks."""

import urllib.parse

import conditions
from blobs import Blob, Copy
from credentials import by_bearer, by_sas
from errors import Refusal, blob_not_found, invalid_blob_type, invalid_header, missing_header
from versions import MIB, require


def source_blob(call):
    """The blob that `x-ms-copy-source` names, if the request may read it."""
    text = call.request.headers.get("x-ms-copy-source")
    if text is None:
        raise missing_header("x-ms-copy-source")
    url = urllib.parse.urlsplit(text)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise invalid_header("x-ms-copy-source", text)
    if url.netloc not in call.server.authorities:
        raise _unverified("The copy source lies elsewhere.")
    parts = [urllib.parse.unquote(part) for part in url.path.split("/", 3)[1:]]
    if len(parts) != 3 or parts[0] != call.account.name:
        raise _unverified("The copy source is in another account.")
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    _authorize_source(call, query, url.scheme == "https", parts[1:])
    container = call.account.containers.get(parts[1])
    blob = container.blob(parts[2]) if container is not None else None
    if blob is None:
        raise blob_not_found()
    if blob.copy is not None and blob.copy.status == "pending":
        raise Refusal(409, "PendingCopyOperation", "There is currently a pending copy operation.")
    conditions.check_source(call.request, blob)
    return blob


def _authorize_source(call, query, is_secure, path):
    value = call.request.headers.get("x-ms-copy-source-authorization")
    if value is not None:
        require(call.version, "2020-10-02", "x-ms-copy-source-authorization")
        scheme, _, token = value.partition(" ")
        if scheme != "Bearer":
            raise _unverified("The copy source's authorization is no bearer token.")
        by_bearer(call.request, call.version, call.account, token, call.server).need("r")
        return
    if "sig" in query:
        request = _SourceRequest(is_secure, call.request.client)
        by_sas(request, query, tuple(path), call.account, call.server).need("r")
        return
    # Copy Blob takes sources of the same account; what reads a range or works synchronously needs more.
    if not call.grant.is_same_account or call.is_synchronous_copy:
        raise _unverified("The specified resource may not be read without authorization.", 401)


class _SourceRequest:
    """What a signature is checked against when the service itself reads."""

    def __init__(self, is_secure, client):
        self.is_secure = is_secure
        self.client = client


def _unverified(message, status=404):
    return Refusal(status, "CannotVerifyCopySource", message)


def copy_blob(call):
    """Copy Blob, and with `x-ms-requires-sync` Copy Blob From URL."""
    request = call.request
    is_synchronous = request.headers.get("x-ms-requires-sync", "").lower() == "true"
    call.is_synchronous_copy = is_synchronous
    if is_synchronous:
        require(call.version, "2018-03-28", "Copy Blob From URL")
    target = call.blob
    call.grant.need("w", *(["c"] if target is None else []))
    _refuse_pending(target)
    source = source_blob(call)
    conditions.check(request, target)
    kind = "BlockBlob" if is_synchronous else source.kind
    if target is not None and target.kind != kind:
        raise invalid_blob_type()
    if is_synchronous and source.content.size > 256 * MIB:
        raise Refusal(409, "CannotVerifyCopySource", "The source is larger than 256 MiB.")
    seconds = 0 if is_synchronous else call.server.settings.pending(source.content.size)
    copied = Blob(kind)
    copied.headers = dict(source.headers)
    copied.metadata = call.metadata() or dict(source.metadata)
    copied.blocks = list(source.blocks)
    copied.block_count = source.block_count
    copied.copy = Copy(request.headers["x-ms-copy-source"], source.content, kind, seconds)
    if seconds <= 0:
        copied.content = source.content
    call.container.put(call.name, copied)
    headers = {"x-ms-copy-id": copied.copy.id, "x-ms-copy-status": copied.copy.status}
    return 202, headers | call.state(copied), b""


def abort_copy(call):
    call.grant.need("w")
    blob = call.blob
    if call.request.headers.get("x-ms-copy-action") != "abort":
        raise invalid_header("x-ms-copy-action", call.request.headers.get("x-ms-copy-action", ""))
    if blob is None:
        raise blob_not_found()
    if blob.copy is None or blob.copy.status != "pending":
        raise Refusal(409, "NoPendingCopyOperation", "There is currently no pending copy operation.")
    if blob.copy.id != call.request.query.get("copyid"):
        raise Refusal(409, "CopyIdMismatch", "The specified copy ID did not match the copy ID for the pending operation.")
    blob.copy.status = "aborted"
    blob.blocks = []
    blob.touch()
    return 204, {}, b""


def _refuse_pending(blob):
    if blob is not None and blob.copy is not None and blob.copy.status == "pending":
        raise Refusal(409, "PendingCopyOperation", "There is currently a pending copy operation.")


refuse_pending = _refuse_pending


def put_blob_from_url(call):
    require(call.version, "2020-04-08", "Put Blob From URL")
    call.is_synchronous_copy = True
    call.grant.need("w", *(["c"] if call.blob is None else []))
    _refuse_pending(call.blob)
    source = source_blob(call)
    conditions.check(call.request, call.blob)
    if call.blob is not None and call.blob.kind != "BlockBlob":
        raise invalid_blob_type()
    if source.content.size > 5000 * MIB:
        raise Refusal(409, "CannotVerifyCopySource", "The source is larger than 5000 MiB.")
    blob = Blob("BlockBlob")
    blob.headers = dict(source.headers)
    blob.metadata = call.metadata()
    blob.content = source.content
    call.container.put(call.name, blob)
    return 201, call.state(blob), b""


def source_range(call):
    """The bytes of the source that Put Block From URL asks for."""
    require(call.version, "2018-03-28", "Put Block From URL")
    call.is_synchronous_copy = True
    source = source_blob(call)
    text = call.request.headers.get("x-ms-source-range")
    if text is None:
        return source.content
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not text.startswith("bytes=") or not first.isdigit() or not (last == "" or last.isdigit()):
        raise invalid_header("x-ms-source-range", text)
    if int(first) >= source.content.size or (last and int(last) < int(first)):
        raise Refusal(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
    end = min(source.content.size, int(last) + 1) if last else source.content.size
    return source.content.part(int(first), end)

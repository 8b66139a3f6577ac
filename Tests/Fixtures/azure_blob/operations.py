"""The operations on blobs."""

import base64
import email.utils
import re
import xml.etree.ElementTree as ElementTree

import conditions
import copying
from blobs import Blob, Content, md5_of
from errors import (
    Refusal, blob_not_found, invalid_blob_type, invalid_header, invalid_query, missing_header)
from versions import MIB, append_limit, block_limit, put_blob_limit, require

STORED_HEADERS = {
    "x-ms-blob-cache-control": "cache-control", "x-ms-blob-content-disposition": "content-disposition",
    "x-ms-blob-content-encoding": "content-encoding", "x-ms-blob-content-language": "content-language",
    "x-ms-blob-content-md5": "content-md5", "x-ms-blob-content-type": "content-type",
}


class Call:
    """One authenticated request for a blob, under the lock of its container."""

    def __init__(self, server, request, version, account, container, name, grant):
        self.server = server
        self.request = request
        self.version = version
        self.account = account
        self.container = container
        self.name = name
        self.grant = grant
        self.blob = container.blob(name)
        self.is_synchronous_copy = False

    def metadata(self):
        prefix = "x-ms-meta-"
        found = {}
        for name, value in self.request.headers.items():
            if name.startswith(prefix):
                if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name[len(prefix):]):
                    raise Refusal(400, "InvalidMetadata", "The metadata specified is invalid.")
                found[name[len(prefix):]] = value
        return found

    def stored_headers(self):
        headers = {"content-type": "application/octet-stream"}
        if "content-type" in self.request.headers:
            headers["content-type"] = self.request.headers["content-type"]
        for name, stored in STORED_HEADERS.items():
            if name in self.request.headers:
                headers[stored] = self.request.headers[name]
        return headers

    def state(self, blob):
        return {"ETag": blob.etag, "Last-Modified": email.utils.formatdate(blob.modified, usegmt=True)}

    def checked_body(self, limit):
        """The body, if it is no longer than `limit` and its digests hold."""
        body = self.request.body
        if len(body) > limit:
            raise Refusal(
                413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
        return body, self.check_digest(body)

    def check_digest(self, body):
        found = md5_of([body])
        wanted = self.request.headers.get("content-md5")
        if wanted is not None:
            if len(_base64("Content-MD5", wanted)) != 16:
                raise Refusal(400, "InvalidMd5", "The MD5 value specified in the request is invalid.")
            if wanted != found:
                raise Refusal(
                    400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value "
                    "calculated by the server.")
        return found


def _base64(name, text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise invalid_header(name, text) from None


def dispatch(call):
    """Gives (status, headers, body); the body may be a list of segments."""
    method, comp = call.request.method, call.request.query.get("comp")
    if method == "PUT":
        operation = {None: put_blob, "block": put_block, "blocklist": put_block_list, "appendblock": append_block,
                     "copy": copying.abort_copy}.get(comp)
    elif method == "GET":
        operation = {None: get_blob, "blocklist": get_block_list}.get(comp)
    elif method == "HEAD":
        operation = {None: get_blob}.get(comp)
    elif method == "DELETE":
        operation = {None: delete_blob}.get(comp)
    else:
        raise Refusal(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
    if operation is None:
        raise invalid_query("comp", comp or "", "not offered here")
    return operation(call)


# Writing


def put_blob(call):
    headers = call.request.headers
    kind = headers.get("x-ms-blob-type")
    if kind is None and "x-ms-copy-source" in headers:
        return copying.copy_blob(call)
    if kind is None:
        raise missing_header("x-ms-blob-type")
    if kind not in ("BlockBlob", "AppendBlob"):
        raise invalid_header("x-ms-blob-type", kind)
    if "x-ms-copy-source" in headers:
        return copying.put_blob_from_url(call)
    call.grant.need("w", *(["c"] if call.blob is None else []))
    copying.refuse_pending(call.blob)
    body, digest = call.checked_body(put_blob_limit(call.version))
    if kind == "AppendBlob" and body:
        raise invalid_header("Content-Length", str(len(body)))
    conditions.check(call.request, call.blob)
    if call.blob is not None and call.blob.kind != kind:
        raise invalid_blob_type()
    blob = Blob(kind)
    blob.content = Content([body])
    blob.headers = call.stored_headers()
    blob.metadata = call.metadata()
    if kind == "BlockBlob":
        blob.headers.setdefault("content-md5", digest)
    call.container.put(call.name, blob)
    return 201, call.state(blob) | {"Content-MD5": digest}, b""


def _block_id(call):
    text = call.request.query.get("blockid")
    if text is None:
        raise Refusal(400, "MissingRequiredQueryParameter", "A required query parameter was not specified.")
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise invalid_query("blockid", text, "Not a valid base64 string.") from None
    if not 0 < len(raw) <= 64:
        raise invalid_query("blockid", text, "The length must be from 1 to 64 bytes.")
    return text


def put_block(call):
    call.grant.need("w")
    conditions.refuse_all(call.request)
    copying.refuse_pending(call.blob)
    block = _block_id(call)
    if call.blob is not None and call.blob.kind != "BlockBlob":
        raise invalid_blob_type()
    if "x-ms-copy-source" in call.request.headers:
        if call.request.body:
            raise invalid_header("Content-Length", str(len(call.request.body)))
        content, digest = copying.source_range(call), None
    else:
        body, digest = call.checked_body(block_limit(call.version))
        if not body:
            raise invalid_header("Content-Length", "0")
        content = Content([body])
    if content.size > block_limit(call.version):
        raise Refusal(
            413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
    waiting = call.container.uncommitted.setdefault(call.name, {})
    known = next(iter(waiting), None) or (call.blob.blocks[0][0] if call.blob and call.blob.blocks else None)
    if known is not None and len(base64.b64decode(known)) != len(base64.b64decode(block)):
        raise Refusal(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
    if block not in waiting and len(waiting) >= 100_000:
        raise Refusal(
            409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.")
    waiting[block] = content
    return 201, {"Content-MD5": digest} if digest else {}, b""


def put_block_list(call):
    call.grant.need("w", *(["c"] if call.blob is None else []))
    copying.refuse_pending(call.blob)
    if call.blob is not None and call.blob.kind != "BlockBlob":
        raise invalid_blob_type()
    body, _ = call.checked_body(8 * MIB)
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Refusal(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None
    if root.tag != "BlockList" or any(item.tag not in ("Committed", "Uncommitted", "Latest") for item in root):
        raise Refusal(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
    if len(root) > 50_000:
        raise Refusal(400, "BlockListTooLong", "The block list may not contain more than 50,000 blocks.")
    conditions.check(call.request, call.blob)
    waiting = call.container.uncommitted.get(call.name, {})
    committed = {}
    if call.blob is not None:
        at = 0
        for block, size in call.blob.blocks:
            committed[block] = (at, at + size)
            at += size
    blocks, segments = [], []
    for item in root:
        block = (item.text or "").strip()
        if item.tag != "Committed" and block in waiting:
            content = waiting[block]
        elif item.tag != "Uncommitted" and block in committed:
            content = call.blob.content.part(*committed[block])
        else:
            raise Refusal(400, "InvalidBlockList", "The specified block list is invalid.")
        blocks.append((block, content.size))
        segments += content.segments
    blob = Blob("BlockBlob")
    blob.blocks = blocks
    blob.content = Content(segments)
    blob.headers = call.stored_headers()
    if call.request.headers.get("content-type", "").startswith("application/xml"):
        blob.headers["content-type"] = call.request.headers.get("x-ms-blob-content-type", "application/octet-stream")
    blob.metadata = call.metadata()
    call.container.put(call.name, blob)
    return 201, call.state(blob), b""


def get_block_list(call):
    call.grant.need("r")
    kind = call.request.query.get("blocklisttype", "committed").lower()
    if kind not in ("committed", "uncommitted", "all"):
        raise invalid_query("blocklisttype", kind)
    waiting = call.container.uncommitted.get(call.name)
    if call.blob is None and waiting is None:
        raise blob_not_found()
    if call.blob is not None and call.blob.kind != "BlockBlob":
        raise invalid_blob_type()
    body = ['<?xml version="1.0" encoding="utf-8"?><BlockList>']
    if kind != "uncommitted":
        blocks = call.blob.blocks if call.blob is not None else []
        body.append(_blocks("CommittedBlocks", blocks))
    if kind != "committed":
        body.append(_blocks("UncommittedBlocks", [(name, content.size) for name, content in (waiting or {}).items()]))
    body.append("</BlockList>")
    headers = {"Content-Type": "application/xml"}
    if call.blob is not None:
        headers |= call.state(call.blob) | {"x-ms-blob-content-length": str(call.blob.content.size)}
    return 200, headers, "".join(body).encode()


def _blocks(name, blocks):
    if not blocks:
        return f"<{name} />"
    items = "".join(f"<Block><Name>{block}</Name><Size>{size}</Size></Block>" for block, size in blocks)
    return f"<{name}>{items}</{name}>"


def append_block(call):
    require(call.version, "2015-02-21", "Append Block")
    call.grant.need("a", "w")
    blob = call.blob
    if blob is None:
        raise blob_not_found()
    if blob.kind != "AppendBlob":
        raise invalid_blob_type()
    body, digest = call.checked_body(append_limit(call.version))
    if not body:
        raise invalid_header("Content-Length", "0")
    conditions.check(call.request, blob)
    headers = call.request.headers
    position = headers.get("x-ms-blob-condition-appendpos")
    if position is not None and int(position) != blob.content.size:
        raise Refusal(
            412, "AppendPositionConditionNotMet", "The append position condition specified was not met.")
    largest = headers.get("x-ms-blob-condition-maxsize")
    if largest is not None and blob.content.size + len(body) > int(largest):
        raise Refusal(412, "MaxBlobSizeConditionNotMet", "The max blob size condition specified was not met.")
    if blob.block_count >= 50_000:
        raise Refusal(
            409, "BlockCountExceedsLimit", "The committed block count cannot exceed the maximum limit of 50,000 blocks.")
    offset = blob.content.size
    blob.content = Content(blob.content.segments + [body])
    blob.block_count += 1
    blob.headers.pop("content-md5", None)
    blob.touch()
    return 201, call.state(blob) | {
        "x-ms-blob-append-offset": str(offset), "x-ms-blob-committed-block-count": str(blob.block_count),
        "Content-MD5": digest}, b""


def delete_blob(call):
    call.grant.need("d")
    if call.blob is None:
        if call.name in call.container.uncommitted and not call.server.settings.keeps_uncommitted:
            conditions.check(call.request, None)
            call.container.remove(call.name)
            return 202, {}, b""
        raise blob_not_found()
    conditions.check(call.request, call.blob)
    copying.refuse_pending(call.blob)
    call.container.remove(call.name)
    return 202, {"x-ms-delete-type-permanent": "true"}, b""


# Reading


def get_blob(call):
    call.grant.need("r")
    blob = call.blob
    if blob is None:
        raise blob_not_found()
    conditions.check(call.request, blob, is_read=True)
    headers = call.state(blob) | {
        "Accept-Ranges": "bytes", "x-ms-blob-type": blob.kind, "x-ms-server-encrypted": "true",
        "x-ms-lease-status": "unlocked", "x-ms-lease-state": "available",
        "x-ms-creation-time": email.utils.formatdate(blob.created, usegmt=True),
    }
    for name, value in blob.headers.items():
        headers["-".join(part.capitalize() for part in name.split("-")).replace("Md5", "MD5")] = value
    headers |= {f"x-ms-meta-{name}": value for name, value in blob.metadata.items()}
    if blob.kind == "AppendBlob":
        headers["x-ms-blob-committed-block-count"] = str(blob.block_count)
    if blob.copy is not None:
        headers |= {
            "x-ms-copy-id": blob.copy.id, "x-ms-copy-status": blob.copy.status,
            "x-ms-copy-source": blob.copy.source.partition("?")[0],
            "x-ms-copy-progress": f"{blob.content.size}/{blob.copy.content.size}",
        }
        if blob.copy.status != "pending":
            headers["x-ms-copy-completion-time"] = email.utils.formatdate(blob.copy.completed, usegmt=True)
    headers |= call.grant.overrides
    size = blob.content.size
    if call.request.method == "HEAD":
        headers["Content-Length"] = str(size)
        return 200, headers, []
    window = _range(call.request, size)
    if window is None:
        return 200, headers, list(blob.content.read(0, size))
    start, end = window
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if "Content-MD5" in headers:
        headers["x-ms-blob-content-md5"] = headers.pop("Content-MD5")
    segments = list(blob.content.read(start, end))
    if call.request.headers.get("x-ms-range-get-content-md5") == "true":
        if end - start > 4 * MIB:
            raise invalid_header("x-ms-range-get-content-md5", "true")
        headers["Content-MD5"] = md5_of(segments)
    return 206, headers, segments


def _range(request, size):
    text = request.headers.get("x-ms-range") or request.headers.get("range")
    if text is None:
        if "x-ms-range-get-content-md5" in request.headers:
            raise invalid_header("x-ms-range-get-content-md5", "true")
        return None
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", text.strip())
    if found is None or (found[2] and int(found[2]) < int(found[1])):
        # As the service does with what it can't read: the whole.
        return None
    start = int(found[1])
    if start >= size:
        raise Refusal(
            416, "InvalidRange", "The range specified is invalid for the current size of the resource.",
            {"Content-Range": f"bytes */{size}"})
    return start, min(size, int(found[2]) + 1) if found[2] else size

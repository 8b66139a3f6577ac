"""List Blobs and List Containers."""

import base64
import email.utils
from xml.sax.saxutils import escape, quoteattr

from errors import Refusal, invalid_query

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
INCLUDES = {
    "snapshots", "metadata", "uncommittedblobs", "copy", "deleted", "tags", "versions", "deletedwithversions",
    "immutabilitypolicy", "legalhold", "permissions",
}


def page_size(request):
    text = request.query.get("maxresults", "5000")
    if not text.isdigit():
        raise invalid_query("maxresults", text)
    if int(text) == 0:
        raise Refusal(
            400, "OutOfRangeQueryParameterValue",
            "One of the query parameters specified in the request URI is outside the permissible range.")
    return min(int(text), 5000)


def read_marker(request):
    """The name that a marker stands for; markers are opaque to clients."""
    text = request.query.get("marker", "")
    if not text:
        return ""
    try:
        return base64.b64decode(text, validate=True).decode().removeprefix("2!")
    except (ValueError, UnicodeDecodeError):
        raise Refusal(400, "InvalidQueryParameterValue", "The marker is invalid.") from None


def write_marker(name):
    return base64.b64encode(("2!" + name).encode()).decode()


def list_blobs(request, account, container):
    prefix = request.query.get("prefix", "")
    delimiter = request.query.get("delimiter", "")
    include = {part for part in request.query.get("include", "").lower().split(",") if part}
    if include - INCLUDES:
        raise invalid_query("include", request.query["include"])
    size = page_size(request)
    start = read_marker(request)
    entries = []
    next_name = ""
    for name in container.names("uncommittedblobs" in include):
        if not name.startswith(prefix) or name < start:
            continue
        shown = name
        if delimiter and delimiter in name[len(prefix):]:
            shown = name[:name.index(delimiter, len(prefix)) + len(delimiter)]
            if entries and entries[-1] == (shown, True):
                continue
        if len(entries) == size:
            next_name = name
            break
        entries.append((shown, shown != name or (delimiter and name.endswith(delimiter))))
    body = [DECLARATION, f"<EnumerationResults ServiceEndpoint={quoteattr(request.service_url(account))} "
            f"ContainerName={quoteattr(container.name)}>"]
    for field in ("Prefix", "Marker", "MaxResults", "Delimiter"):
        value = request.query.get(field.lower())
        if value is not None:
            body.append(f"<{field}>{escape(value)}</{field}>")
    body.append("<Blobs>")
    for name, is_prefix in entries:
        if is_prefix:
            body.append(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>")
        else:
            body.append(_entry(container, name, include))
    marker = write_marker(next_name) if next_name else ""
    body.append(f"</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>")
    return "".join(body).encode()


def _entry(container, name, include):
    blob = container.blob(name)
    if blob is None:
        return (
            f"<Blob><Name>{escape(name)}</Name><Properties><Content-Length>0</Content-Length>"
            "<BlobType>BlockBlob</BlobType></Properties></Blob>")
    properties = {
        "Creation-Time": email.utils.formatdate(blob.created, usegmt=True),
        "Last-Modified": email.utils.formatdate(blob.modified, usegmt=True),
        "Etag": blob.etag.strip('"'),
        "Content-Length": str(blob.content.size),
        "Content-Type": blob.headers.get("content-type", ""),
        "Content-Encoding": "", "Content-Language": "",
        "Content-MD5": blob.headers.get("content-md5", ""),
        "Cache-Control": "", "Content-Disposition": "",
        "BlobType": blob.kind,
        "AccessTier": "Hot", "AccessTierInferred": "true",
        "LeaseStatus": "unlocked", "LeaseState": "available",
        "ServerEncrypted": "true",
    }
    if "copy" in include and blob.copy is not None:
        properties.update({
            "CopyId": blob.copy.id, "CopyStatus": blob.copy.status, "CopySource": blob.copy.source,
            "CopyProgress": f"{blob.content.size}/{blob.copy.content.size}",
        })
    text = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in properties.items())
    metadata = ""
    if "metadata" in include:
        pairs = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
        metadata = f"<Metadata>{pairs}</Metadata>"
    return f"<Blob><Name>{escape(name)}</Name><Properties>{text}</Properties>{metadata}<OrMetadata /></Blob>"


def list_containers(request, account):
    prefix = request.query.get("prefix", "")
    size = page_size(request)
    start = read_marker(request)
    names = [name for name in sorted(account.containers) if name.startswith(prefix) and name >= start]
    body = [DECLARATION, f"<EnumerationResults ServiceEndpoint={quoteattr(request.service_url(account))}><Containers>"]
    for name in names[:size]:
        container = account.containers[name]
        body.append(
            f"<Container><Name>{escape(name)}</Name><Properties>"
            f"<Last-Modified>{email.utils.formatdate(container.modified, usegmt=True)}</Last-Modified>"
            f"<Etag>{escape(container.etag)}</Etag></Properties></Container>")
    marker = write_marker(names[size]) if len(names) > size else ""
    body.append(f"</Containers><NextMarker>{marker}</NextMarker></EnumerationResults>")
    return "".join(body).encode()



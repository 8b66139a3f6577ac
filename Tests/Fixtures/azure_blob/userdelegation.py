"""Get User Delegation Key."""

import base64
import time
import xml.etree.ElementTree as ElementTree

from credentials import parse_time
from errors import Refusal, permission_mismatch
from versions import require


def user_delegation_key(request, version, grant, identities):
    require(version, "2018-11-09", "Get User Delegation Key")
    if grant.kind != "bearer":
        raise Refusal(
            403, "AuthenticationFailed", "Only authentication scheme Bearer is supported for this operation.")
    if not grant.identity.may_delegate:
        raise permission_mismatch()
    try:
        root = ElementTree.fromstring(request.body)
    except ElementTree.ParseError:
        raise Refusal(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None
    if root.tag != "KeyInfo":
        raise Refusal(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
    expiry = root.findtext("Expiry") or ""
    start = root.findtext("Start") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    now = time.time()
    begins, ends = parse_time(start, "Start"), parse_time(expiry, "Expiry")
    if ends <= now or ends <= begins or ends > now + 7 * 86_400 or begins > now + 7 * 86_400:
        raise Refusal(400, "InvalidXmlNodeValue", "The value for one of the XML nodes is not in the correct format.")
    fields = {
        "skoid": grant.identity.object, "sktid": grant.identity.tenant, "skt": start, "ske": expiry, "sks": "b",
        "skv": version}
    value = base64.b64encode(identities.delegation_key(fields)).decode()
    names = {
        "SignedOid": "skoid", "SignedTid": "sktid", "SignedStart": "skt", "SignedExpiry": "ske",
        "SignedService": "sks", "SignedVersion": "skv"}
    items = "".join(f"<{name}>{fields[field]}</{name}>" for name, field in names.items())
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><UserDelegationKey>{items}<Value>{value}</Value></UserDelegationKey>')
    return 200, {"Content-Type": "application/xml"}, body.encode()

"""What the service answers when it refuses a request."""

import datetime
import uuid
from xml.sax.saxutils import escape


class Refusal(Exception):
    """An error response: HTTP status, code and message as the service documents them."""

    def __init__(self, status, code, message, headers=None, detail=None):
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.detail = dict(detail or {})

    def body(self, request_id):
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        message = f"{self.message}\nRequestId:{request_id}\nTime:{time}"
        details = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in self.detail.items())
        return (
            '<?xml version="1.0" encoding="utf-8"?><Error>'
            f"<Code>{self.code}</Code><Message>{escape(message)}</Message>{details}</Error>"
        ).encode()


def new_request_id():
    return str(uuid.uuid4())


def authentication_failed(detail):
    return Refusal(
        403, "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        "including the signature.", detail={"AuthenticationErrorDetail": detail})


def invalid_header(name, value):
    return Refusal(
        400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.",
        detail={"HeaderName": name, "HeaderValue": value})


def missing_header(name):
    return Refusal(
        400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.",
        detail={"HeaderName": name})


def invalid_query(name, value, reason=""):
    return Refusal(
        400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid.",
        detail={"QueryParameterName": name, "QueryParameterValue": value, "Reason": reason})


def blob_not_found():
    return Refusal(404, "BlobNotFound", "The specified blob does not exist.")


def container_not_found():
    return Refusal(404, "ContainerNotFound", "The specified container does not exist.")


def invalid_blob_type():
    return Refusal(409, "InvalidBlobType", "The blob type is invalid for this operation.")


def condition_not_met(is_read=False):
    status = 304 if is_read else 412
    return Refusal(
        status, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")


def permission_mismatch():
    return Refusal(
        403, "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.")

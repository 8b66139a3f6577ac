"""Conditional headers: which are allowed together, and whether they hold."""

import email.utils

from errors import Refusal, condition_not_met, invalid_header

NAMES = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]


def _time(headers, name):
    try:
        return email.utils.parsedate_to_datetime(headers[name]).timestamp()
    except (TypeError, ValueError):
        raise invalid_header(name, headers[name]) from None


def _tags(text):
    return {tag.strip().strip('"') for tag in text.split(",")}


def refuse_all(request):
    """For operations that know no conditions."""
    for name in NAMES:
        if name in request.headers:
            raise Refusal(400, "ConditionHeadersNotSupported", "Condition headers are not supported.")


def check(request, blob, is_read=False):
    """Raises unless the conditions of a request hold for a blob, which may be None."""
    headers = request.headers
    given = [name for name in NAMES if name in headers]
    if len(given) > 1 and set(given) not in (
            {"if-none-match", "if-modified-since"}, {"if-match", "if-unmodified-since"}):
        raise Refusal(
            400, "MultipleConditionHeadersNotSupported", "Multiple condition headers are not supported.")
    etag = blob.etag.strip('"') if blob is not None else None
    if "if-match" in headers:
        wanted = _tags(headers["if-match"])
        if blob is None or ("*" not in wanted and etag not in wanted):
            raise condition_not_met()
    if "if-none-match" in headers:
        unwanted = _tags(headers["if-none-match"])
        if "*" in unwanted and is_read:
            raise invalid_header("If-None-Match", "*")
        if blob is not None and "*" in unwanted:
            raise Refusal(409, "BlobAlreadyExists", "The specified blob already exists.")
        if blob is not None and etag in unwanted:
            raise condition_not_met(is_read)
    if blob is None:
        return
    if "if-modified-since" in headers and int(blob.modified) <= _time(headers, "if-modified-since"):
        raise condition_not_met(is_read)
    if "if-unmodified-since" in headers and int(blob.modified) > _time(headers, "if-unmodified-since"):
        raise condition_not_met()


def check_source(request, blob):
    """The same for the source of a copy: `x-ms-source-if-*`."""
    headers = request.headers
    etag = blob.etag.strip('"')
    failed = False
    if "x-ms-source-if-match" in headers:
        wanted = _tags(headers["x-ms-source-if-match"])
        failed = failed or ("*" not in wanted and etag not in wanted)
    if "x-ms-source-if-none-match" in headers:
        failed = failed or bool(_tags(headers["x-ms-source-if-none-match"]) & {etag, "*"})
    if failed:
        raise Refusal(
            412, "SourceConditionNotMet",
            "The source condition specified using HTTP conditional header(s) is not met.")

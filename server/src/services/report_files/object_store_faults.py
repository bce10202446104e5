"""Translation of an object store's errors into one sentence: what is wrong and how to fix it."""

import errno
import re

#: By the `Code` of S3's error response: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
_REFUSALS = {
    "NoSuchBucket": "there is no bucket {bucket} at {place}: make it, or correct its name",
    "InvalidBucketName": "{place} takes {bucket} for no name of a bucket: correct it",
    "InvalidAccessKeyId": "{place} does not know the key: correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "{place} refuses the signature: correct AWS_SECRET_ACCESS_KEY",
    "InvalidToken": "{place} refuses the session's token: correct AWS_SESSION_TOKEN",
    "ExpiredToken": "the session's token has expired: renew AWS_SESSION_TOKEN",
    "NoSuchKey": "the report has just been deleted",
    "AccessDenied": "the key may not {action} in the bucket {bucket} at {place}: give it {right}",
    "RequestTimeTooSkewed": "the clocks of this machine and of {place} are too far apart: set this machine's (NTP)",
    "RequestExpired": "the clocks of this machine and of {place} are too far apart: set this machine's (NTP)",
    "AuthorizationHeaderMalformed": "{place} is of another region: correct AWS_REGION",
    "PermanentRedirect": "the bucket {bucket} is in another region: correct AWS_REGION, or AWS_ENDPOINT_URL",
    "QuotaExceeded": "{place} is full: make room there",
    "XMinioStorageFull": "{place} is full: make room there",
}
#: By the status, if there is no such code: a response to HEAD has no body.
_STATUSES = {
    "301": _REFUSALS["PermanentRedirect"],
    "401": "{place} refuses the key: correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "403": "{place} refuses the key: correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the rights it has",
    "404": _REFUSALS["NoSuchBucket"],
    "507": "{place} is full: make room there",
}
#: If there is no response, by a substring of the HTTP client's message; the first match wins.
_NO_ANSWER = [
    ("dns error", "the host of {place} is not known: check AWS_ENDPOINT_URL, or AWS_REGION"),
    ("Connection refused", "nothing listens at {place}: check AWS_ENDPOINT_URL, and whether the store runs"),
    ("InvalidContentType", "{place} does not speak TLS: write http:// in AWS_ENDPOINT_URL, or switch TLS on there"),
    (
        "UnknownIssuer",
        "the certificate of {place} is not one to trust: have it signed by an authority this machine knows",
    ),
    ("ertificate", "the certificate of {place} is not one to trust: check its name, dates and authority"),
    ("credential", "there is no key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("169.254.", "there is no key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
]
SILENT = "{place} does not answer: check AWS_ENDPOINT_URL, and whether a firewall lets this machine through"

_CODE = re.compile(r"<Code>\s*(\w{1,64})\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
#: What S3 calls the right to an action.
RIGHTS = {"write": "s3:PutObject", "read": "s3:GetObject", "delete": "s3:DeleteObject", "list": "s3:ListBucket"}


class StorageAway(OSError):
    """The store refused a request or did not respond; `strerror` says why.

    Args:
        sentence: what is wrong and how to fix it, without secrets and without text from the store.
        answered: whether the store responded, and did so promptly, so that the circuit breaker can stay closed.
    """

    def __init__(self, sentence: str, *, answered: bool) -> None:
        super().__init__(errno.EIO, sentence)
        self.sentence = sentence
        self.answered = answered


def explain(error: Exception, *, place: str, bucket: str, action: str) -> StorageAway:
    """Return the StorageAway for an exception of the client.

    Args:
        error: the exception.
        place: the store's host and port.
        bucket: its bucket.
        action: `write`, `read`, `delete` or `list`.
    """
    words = str(error)
    code, status = _CODE.search(words), _STATUS.search(words)
    sentence = _REFUSALS.get(code[1]) if code else None
    if sentence is None and status is not None:
        sentence = _STATUSES.get(status[1], "{place} answers {status}")
    if sentence is None:
        sentence = next((known for word, known in _NO_ANSWER if word in words), SILENT)
    filled = sentence.format(
        place=place, bucket=bucket, action=action, right=RIGHTS[action], status=status[1] if status else ""
    )
    return StorageAway(filled, answered=status is not None and status[1] < "500")

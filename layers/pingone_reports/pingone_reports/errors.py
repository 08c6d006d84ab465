"""Every way an export can fail. Retry and Catch in the state machine match on these class names.

    ExportError
    ├── TransientError             worth another try: each is in a Retry list of the state machine
    │   ├── SecretUnavailable, PingOneUnavailable, TableUnavailable, StorageUnavailable,
    │   │   StepFunctionsUnavailable                            a service gave no answer
    │   ├── StartInProgress                                     another try runs, or was cut off
    │   ├── ReportWithdrawn, LinkRefused, DownloadInterrupted,
    │   │   DownloadChanged                                     fresh links may help
    │   └── WrongPassword, TruncatedZip, CorruptZip             a second download may help
    ├── TurnPassed                 caught: CheckReport waits for the next turn
    └── all others                 lasting: somebody has to do something

A message says what happened and what to do. It never holds a link, a password, a token or a client
secret, because it becomes execution history, an event and a log line.
"""


class ExportError(Exception):
    """The base of all errors below; never raised itself."""


class TransientError(ExportError):
    """The base of errors that are worth another try; never raised itself."""


class UnexpectedError(ExportError):
    """Raised in place of an error that nobody foresaw: its message could hold a secret."""


# --- what we were given ---------------------------------------------------------------------------


class InvalidRequest(ExportError):
    """Raised when a field of the export request is unknown, of the wrong type or not allowed."""


class InvalidConfiguration(ExportError):
    """Raised when an environment variable or a layer of the function cannot be used."""


class InvalidSecret(ExportError):
    """Raised when the secret does not hold the worker application's client id and client secret."""


class SecretUnavailable(TransientError):
    """Raised when Secrets Manager cannot answer now."""


# --- what PingOne answered ------------------------------------------------------------------------


class Unauthorized(ExportError):
    """Raised when PingOne refuses the client credentials, or a token that was only just issued."""


class AccessDenied(ExportError):
    """Raised when the worker application lacks the role that the report needs (403)."""


class ReportRejected(ExportError):
    """Raised when PingOne refuses the report itself: its fields, its filter or its environment."""


class ReportFailed(ExportError):
    """Raised when the report ends in a status that is neither IN_PROGRESS nor SUCCESS."""


class ReportExpired(ExportError):
    """Raised when PingOne no longer has the data exploration (404, or past its expiresAt)."""


class DeadlineExceeded(ExportError):
    """Raised when the report is not ready by its expiresAt or by the polling limit."""


class InvalidResponse(ExportError):
    """Raised when PingOne answers with something other than its documented body."""


class RateLimited(ExportError):
    """Raised when PingOne answers 429. `retry_after` is the pause that it asks for, in seconds."""

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PingOneUnavailable(TransientError):
    """Raised when PingOne cannot be reached in time or answers 5xx."""


class TurnPassed(ExportError):
    """Raised when a fetch comes when its turn at PingOne is over; CheckReport waits for another."""


class ReportWithdrawn(TransientError):
    """Raised when a report that was ready is in progress again."""


# --- the download ---------------------------------------------------------------------------------


class LinkNotAllowed(ExportError):
    """Raised when PingOne's link leads to a host that is not a report bucket of PingOne."""


class LinkRefused(TransientError):
    """Raised when PingOne's file store refuses even fresh presigned URLs."""


class DownloadInterrupted(TransientError):
    """Raised when a download keeps breaking off or stalling."""


class DownloadChanged(TransientError):
    """Raised when the object behind a link was replaced while it was read."""


class UntrustedCertificate(ExportError):
    """Raised when the file store, or what answers in its place, shows a certificate not trusted."""


# --- the table ------------------------------------------------------------------------------------


class TableUnavailable(TransientError):
    """Raised when DynamoDB gives no answer or refuses an item."""


class StepFunctionsUnavailable(TransientError):
    """Raised when Step Functions does not tell how the execution is that has the export's key."""


class StartInProgress(TransientError):
    """Raised when another try of this start has not ended or was cut off."""


# --- the bucket -----------------------------------------------------------------------------------


class StorageDenied(ExportError):
    """Raised when S3 refuses an object: the role, the bucket policy or the key forbids it."""


class StorageUnavailable(TransientError):
    """Raised when S3 cannot take an object now."""


class ExportDiscarded(ExportError):
    """Raised when a try of a fetch runs on although its export has failed and was discarded."""


# --- the zip --------------------------------------------------------------------------------------


class WrongPassword(TransientError):
    """Raised when the zip password does not open the zip."""


class TruncatedZip(TransientError):
    """Raised when the zip ends before its directory or its data does."""


class CorruptZip(TransientError):
    """Raised when the zip's structure, checksum, size or authentication code does not hold."""


class UnexpectedMember(ExportError):
    """Raised when the zip does not hold exactly one file of the wanted format."""


class UnsupportedEncryption(ExportError):
    """Raised when a member is encrypted with neither ZipCrypto nor WinZip AES."""


class UnsupportedCompression(ExportError):
    """Raised when a member is neither deflated nor stored."""


class ReportTooLarge(ExportError):
    """Raised when a zip declares, or turns out to hold, more bytes than the configured limit."""


class InvalidReport(ExportError):
    """Raised when the decrypted file is not the CSV or JSON text that it should be."""


class QualityGateFailed(ExportError):
    """Raised when a report is whole but doubtful, and was put into quarantine."""

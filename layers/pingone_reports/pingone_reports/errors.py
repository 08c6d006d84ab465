"""Every way an export can fail. The state machine's Retry and Catch match on these class names.

    ExportError
    ├── TransientError             worth another try: each is in a Retry list of the state machine
    │   ├── SecretUnavailable, SigningUnavailable, PingOneUnavailable, TableUnavailable,
    │   │   StorageUnavailable, StepFunctionsUnavailable        a service gave no answer
    │   ├── StartInProgress                                     another try runs, or was cut off
    │   ├── ReportWithdrawn, LinkRefused, DownloadInterrupted,
    │   │   DownloadChanged                                     fresh links may help
    │   └── WrongPassword, TruncatedZip, CorruptZip             a second download may help
    └── all others                 lasting: a person has to act, but for RateLimited and
                                   CallPostponed, after which the export takes another turn

A message says what happened and what to do. It never holds a link, a password, a token or a client
secret, because it becomes execution history, an event and a log line.
"""


class ExportError(Exception):
    """The base of all errors below; never raised itself."""

    def __init__(self, message: str = "", retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TransientError(ExportError):
    """The base of errors that are worth another try; never raised itself."""


class UnexpectedError(ExportError):
    """Raised in place of any other exception, whose message could hold a secret."""


# --- what we were given ---------------------------------------------------------------------------


class InvalidRequest(ExportError):
    """Raised when a field of the export request is unknown, of the wrong type or not allowed."""


class NoEnvironments(ExportError):
    """Raised when a fleet has no environment to export."""


class InvalidConfiguration(ExportError):
    """Raised when an environment variable of the function cannot be used."""


class InvalidSecret(ExportError):
    """Raised when a secret cannot be read, or holds no client id and client secret."""


class InvalidPseudonymKey(ExportError):
    """Raised when the secret with the key of the pseudonyms does not hold such a key."""


class SecretUnavailable(TransientError):
    """Raised when Secrets Manager cannot return the secret for now."""


class SigningRefused(ExportError):
    """Raised when KMS refuses to sign: by the role, or by the key, its policy or its state."""


class SigningUnavailable(TransientError):
    """Raised when KMS cannot sign for now."""


# --- what PingOne answered ------------------------------------------------------------------------


class Unauthorized(ExportError):
    """Raised when PingOne refuses the client credentials, or a new access token."""


class AccessDenied(ExportError):
    """Raised when the worker application lacks the role that the report needs (403)."""


class ReportRejected(ExportError):
    """Raised when PingOne refuses the report itself: its fields, its filter or its environment."""


class ReportFailed(ExportError):
    """Raised when the report ends in a status that is neither IN_PROGRESS nor SUCCESS."""


class ReportExpired(ExportError):
    """Raised when PingOne no longer has the data exploration (404, or past its expiresAt)."""


class DeadlineExceeded(ExportError):
    """Raised when PingOne has not accepted or not finished the report by a deadline."""


class InvalidResponse(ExportError):
    """Raised when PingOne answers with something other than its documented body."""


class RateLimited(ExportError):
    """Raised when PingOne answers 429. `retry_after` is the pause that it wants, in seconds."""


class CallPostponed(ExportError):
    """Raised when a call failed that may succeed in a later turn, after `retry_after` seconds."""


# After these, an export waits in the state machine and takes another turn.
ASK_LATER = (RateLimited, CallPostponed)


class PingOneUnavailable(TransientError):
    """Raised when PingOne cannot be reached in time or answers 5xx."""


class ReportWithdrawn(TransientError):
    """Raised when a report that was ready is in progress again."""


# --- a fleet --------------------------------------------------------------------------------------


class TooManyExportsFailed(ExportError):
    """Raised when more of a fleet's exports failed than the stack tolerates."""


# --- the download ---------------------------------------------------------------------------------


class LinkNotAllowed(ExportError):
    """Raised when PingOne's link is not https, or leads to a host that is not allowed."""


class LinkRefused(TransientError):
    """Raised when PingOne's file store refuses even fresh presigned URLs."""


class DownloadInterrupted(TransientError):
    """Raised when a download keeps breaking off or stalling."""


class DownloadChanged(TransientError):
    """Raised when the object behind a link was replaced while it was read."""


class UntrustedCertificate(ExportError):
    """Raised when the certificate of the file store, or of a proxy, is not trusted."""


# --- the table ------------------------------------------------------------------------------------


class TableUnavailable(TransientError):
    """Raised when DynamoDB gives no answer or refuses an item."""


class StepFunctionsUnavailable(TransientError):
    """Raised when Step Functions does not return the status of the key's execution."""


class StartInProgress(TransientError):
    """Raised when another try of this start is still running, or was cut off."""


# --- the bucket -----------------------------------------------------------------------------------


class StorageDenied(ExportError):
    """Raised when S3 refuses a request: by the role, the bucket, its policy or its KMS key."""


class StorageUnavailable(TransientError):
    """Raised when S3 cannot serve a request for now."""


class AnnouncementFailed(ExportError):
    """Raised when EventBridge or SNS did not take what changed, after several tries."""


class ExportDiscarded(ExportError):
    """Raised when a fetch is still running after its export has failed and was discarded."""


# --- the zip --------------------------------------------------------------------------------------


class WrongPassword(TransientError):
    """Raised when the zip password does not open the zip."""


class TruncatedZip(TransientError):
    """Raised when the end of the zip is missing, and with it the directory or some data."""


class CorruptZip(TransientError):
    """Raised when the zip's structure, checksum, size or authentication code is wrong."""


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


class FieldMissing(ExportError):
    """Raised when the report lacks a field that is to be pseudonymized."""


class QualityGateFailed(ExportError):
    """Raised when a report is complete but doubtful, and was put into quarantine."""

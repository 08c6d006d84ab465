"""A file behind presigned URLs, read with range requests that resume after interruptions."""

import io
import re
import ssl
import time
from collections.abc import Callable

import requests
from urllib3.exceptions import HTTPError

from pingone_reports.errors import (
    DownloadChanged,
    DownloadInterrupted,
    LinkRefused,
    TruncatedZip,
    UntrustedCertificate,
)
from pingone_reports.model.report_file import Format
from pingone_reports.pingone.links import FreshLinks

# A zip's directory is at its end, so this much of the end is read first, in one request.
_TAIL_BYTES = 64 * 1024
# The timeouts to connect, and to receive the headers or the next piece of an answer.
_TIMEOUT_SECONDS = (5, 20)
# After this many tries in a row without a byte, the download fails.
_MAX_TRIES = 5
# 18 digits are enough for any file's size.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


class RemoteFile(io.RawIOBase):
    """A seekable, read-only file over HTTP: the file of a format.

    Its tail stays in memory, and everything before it streams: to read on is cheap, to seek opens a
    new request. After a dead link, a reset, a stall or a short answer, another request asks for the
    rest. `If-Match` makes sure that all bytes are of the same object.

    Raises LinkRefused, DownloadInterrupted, DownloadChanged, UntrustedCertificate or TruncatedZip
    (for an empty file).
    """

    def __init__(
        self,
        session: requests.Session,
        links: FreshLinks,
        file_format: Format,
        seconds_left: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._links = links
        self._format = file_format
        self._seconds_left = seconds_left
        self._sleep = sleep
        self._etag = ""
        self._position = 0
        self._stream: requests.Response | None = None
        self.size = 0
        self._tail = b""
        self._tail = self._retrying(self._read_tail)

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """The position, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position. At another position, the next read opens a new request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        position = base + offset
        if position < 0:
            # Zip readers expect this error from a file that is too short.
            raise OSError("Seek before the start of the file.")
        if position != self._position:
            self._hang_up()
        self._position = position
        return position

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer only at the end of the file; the whole rest if `size` is negative."""
        end = self.size if size is None or size < 0 else min(self._position + size, self.size)
        pieces = []
        while self._position < end:
            piece = self._read_piece(end)
            self._position += len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()

    def _read_piece(self, end: int) -> bytes:
        tail_start = self.size - len(self._tail)
        if self._position >= tail_start:
            return self._tail[self._position - tail_start : end - tail_start]
        return self._retrying(lambda: self._read_stream(min(end, tail_start), tail_start))

    def _read_tail(self) -> bytes:
        tail = b""
        with self._get(-_TAIL_BYTES) as response:
            wanted = min(_TAIL_BYTES, self.size)
            while len(tail) < wanted:
                tail += self._receive(response, wanted - len(tail))
        return tail

    def _read_stream(self, end: int, tail_start: int) -> bytes:
        if self._stream is None:
            self._stream = self._get(self._position, tail_start)
        return self._receive(self._stream, end - self._position)

    def _receive(self, response: requests.Response, size: int) -> bytes:
        """The bytes that have arrived, at most `size`: a wait for all could last for ever."""
        if self._seconds_left() <= 0:
            raise DownloadInterrupted(
                f"The function's time ran out after {self._position} of {self.size} bytes: give "
                "the function more memory, so that it is faster, or narrow the report's filter."
            )
        piece = response.raw.read1(size)
        if not 0 < len(piece) <= size:
            raise HTTPError("ended early, or sent more than was asked for")
        return bytes(piece)

    def _get(self, start: int, end: int | None = None) -> requests.Response:
        """The bytes from `start` to before `end`; with a negative `start`, the last bytes.

        Raises _DeadLink for an answer that a fresh link may prevent.
        """
        url = self._links.current(self._format)
        response = self._session.get(
            url,
            headers={
                "Range": f"bytes={start}" if end is None else f"bytes={start}-{end - 1}",
                "Accept-Encoding": "identity",
                **({"If-Match": self._etag} if self._etag else {}),
            },
            stream=True,
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        status, etag = response.status_code, response.headers.get("ETag")
        part = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if status == 206 and part and etag:
            first, size = int(part[1]), int(part[2])
            same = (etag, size) == (self._etag or etag, self.size or size)
            if same and first == (start if start >= 0 else max(size + start, 0)):
                self._etag, self.size = etag, size
                return response
            if not same:
                status = 412
        response.close()
        if status == 412:
            raise DownloadChanged("The file was replaced while it was read: run the export again.")
        if status == 416:
            raise TruncatedZip("The file behind the link is empty: start a new export.")
        raise _DeadLink(status, url)

    def _retrying(self, read: Callable[[], bytes]) -> bytes:
        failure = ""
        for attempt in range(_MAX_TRIES):
            try:
                return read()
            except _DeadLink as dead:
                self._hang_up()
                failure = f"the file store answered {dead.status}"
                error: type[DownloadInterrupted | LinkRefused] = LinkRefused
                if attempt < _MAX_TRIES - 1:
                    self._links.renew(self._format, dead.url)
            except (requests.RequestException, HTTPError, OSError) as interruption:
                # The interruption's own message would quote the link.
                self._hang_up()
                if _is_untrusted(interruption):
                    raise UntrustedCertificate(
                        "The certificate of the report's file store is not trusted: check what "
                        "stands between the function and S3, such as a proxy that decrypts TLS."
                    ) from None
                failure = f"the connection failed ({type(interruption).__name__})"
                error = DownloadInterrupted
                if attempt < _MAX_TRIES - 1:
                    self._sleep(min(2**attempt, max(self._seconds_left(), 0)))
            if self._seconds_left() <= 0:
                break
        raise error(
            f"The download stopped after {self._position} of {self.size or '?'} bytes: {failure}. "
            "Run the export again; if that does not help, check that the function can reach S3."
        ) from None

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _is_untrusted(error: BaseException) -> bool:
    """Whether a certificate was refused; `requests` shows that only in the chain of causes."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


class _DeadLink(Exception):
    def __init__(self, status: int, url: str) -> None:
        super().__init__(status)
        self.status = status
        self.url = url

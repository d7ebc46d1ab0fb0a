"""The thread that brings a run's reports to a server or into a file."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, List, Optional, Protocol, Set

import grpc
import numpy as np

from fullrank import wire
from fullrank.connection import CALL_TIMEOUT, Connection, register_run, report
from fullrank.outbox import Outbox, Report

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0

# What no retry makes right, once the run is registered: a token that has run out may get a successor in its file.
_FINAL = {
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}

# The same before: what is too large stays so.
_FINAL_AT_FIRST = _FINAL | {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAUTHENTICATED}

# The smaller one sets the server's limit of features.
_SIZE_KEYS = ("fullrank.trainer.ingest.max-snapshot-bytes", "fullrank.trainer.ingest.buffer-bytes")

_PIECE = 1 << 20

# First bytes of a file of reports.
FILE_HEADER = b"FULLRANK1\n"

_log = logging.getLogger("fullrank")


class Notices:
    """Warnings of one line, each said once."""

    def __init__(self) -> None:
        self._said: List[str] = []

    def say(self, kind: str, text: str) -> None:
        """Says it, unless something of the kind was said before."""
        if kind not in self._said:
            self._said.append(kind)
            _log.warning("fullrank: %s", " ".join(text.split()))


class Listener(Protocol):
    """What hears of the server's answers; called by the reporter's thread."""

    def registered(self, response: Any) -> None:
        """Takes a RegisterRunResponse."""

    def answered(self, response: Any) -> None:
        """Takes a verdict, a skipped snapshot, advice or a stop, as ReportResponse."""

    def refused(self, step: int, reason: str) -> None:
        """Learns that the features of a step are not sent."""

    def given_up(self, reason: str) -> None:
        """Learns that nothing is reported any longer."""


@dataclass
class Limits:
    """What the server takes."""

    snapshot_bytes: int = 0
    piece_bytes: int = _PIECE
    heartbeat: float = 10.0

    @staticmethod
    def of(message: Any) -> "Limits":
        """Limits as the server told them."""
        told = message.heartbeat_interval.seconds + message.heartbeat_interval.nanos / 1e9
        return Limits(
            message.max_snapshot_bytes,
            min(message.max_piece_bytes or _PIECE, _PIECE),
            told if told > 0 else Limits.heartbeat,
        )


class Unanswered(Exception):
    """The server could not be reached, or the stream broke; worth another try."""


class Refused(Exception):
    """The server, or a file, does not take this run."""


class TooMuch(Exception):
    """The server does not take the features that were sent last, because they are too large."""


@dataclass(eq=False)
class Stream:
    """The messages of one stream, in order: Begin, then what the outbox holds."""

    outbox: Outbox
    begin: Any
    limits: Limits
    listener: Listener
    notices: Notices
    # Whether heartbeats are sent in times of silence.
    live: bool
    open: bool = True
    # Whether the server has accepted anything of it.
    answered: bool = False
    # The call that it is sent in, if it goes to a server.
    call: Any = None
    _sequence: int = field(default=0)

    def close(self) -> None:
        """Ends it, whatever the server does; from any thread."""
        self.open = False
        if self.call is not None:
            self.call.cancel()

    def messages(self) -> Iterator[Any]:
        """ReportRequests; ends when the stream was closed, or after the result."""
        yield self._numbered(wire.ReportRequest(begin=self.begin))
        while self.open:
            item = self.outbox.next(self.limits.heartbeat / 2, lambda: self.open)
            if item is not None:
                yield from self._of(item)
                if item.last:
                    return
            elif self.open and self.live:
                yield self._numbered(self._heartbeat())

    def _of(self, item: Report) -> Iterator[Any]:
        try:
            request = item.build()
            if item.features is not None:
                self._require_fit(request.snapshot, item)
                request.snapshot.features_sha256 = hashlib.sha256(item.features.data).digest()
                if item.more:
                    digest = hashlib.sha256()
                    for array in item.more:
                        digest.update(array.data)
                    request.snapshot.factors_sha256 = digest.digest()
        except Exception as e:  # noqa: BLE001 - whatever a report is, training goes on without it.
            self.notices.say(f"report {type(e).__name__}", f"a report was left out: {e}")
            if item.features is not None:
                self.listener.refused(request.snapshot.step, str(e))
            self.outbox.forget(item)
            return
        arrays = [] if item.features is None else [item.features, *item.more]
        # Known before anything is sent: the answer may come before the next line runs.
        count = 1 + sum(-(-array.nbytes // self.limits.piece_bytes) for array in arrays)
        item.sequence = self._sequence + count
        yield self._numbered(request)
        for array in arrays:
            for piece in self._pieces(array):
                yield self._numbered(wire.ReportRequest(features_piece=piece))

    def _require_fit(self, snapshot: Any, item: Report) -> None:
        features = item.features
        assert features is not None
        size = features.nbytes + sum(array.nbytes for array in item.more) + snapshot.ByteSize()
        most = self.limits.snapshot_bytes
        if most and size > most:
            raise ValueError(
                f"the features of step {snapshot.step}{' with factors' if item.more else ''} have {size} bytes, the server takes at most {most},"
                f" the smaller of its {' and '.join(_SIZE_KEYS)}; not sent"
            )
        if not _finite(features, snapshot.type):
            raise ValueError(f"the features of step {snapshot.step} have entries that are not finite; not sent")

    def _pieces(self, features: "np.ndarray[Any, Any]") -> Iterator[bytes]:
        data = features.data.cast("B")
        for start in range(0, len(data), self.limits.piece_bytes):
            yield bytes(data[start : start + self.limits.piece_bytes])

    def _heartbeat(self) -> Any:
        request = wire.ReportRequest()
        interval = request.heartbeat.interval
        interval.seconds = int(self.limits.heartbeat)
        interval.nanos = int((self.limits.heartbeat - interval.seconds) * 1e9)
        return request

    def _numbered(self, request: Any) -> Any:
        self._sequence += 1
        request.sequence = self._sequence
        return request


def _finite(features: "np.ndarray[Any, Any]", data_type: int) -> bool:
    rows = max(1, (1 << 20) // max(1, features.shape[1]))
    for start in range(0, len(features), rows):
        part = features[start : start + rows]
        if data_type == wire.number("DataType", "DATA_TYPE_BFLOAT16"):
            # All bits of the exponent are set in infinities and NaNs.
            if bool(((part & 0x7F80) == 0x7F80).any()):
                return False
        elif not bool(np.isfinite(part).all()):
            return False
    return True


class Transport(Protocol):
    """The way to a server or into a file."""

    live: bool

    def register(self, request: Any) -> Any:
        """Registers the run; returns a RegisterRunResponse."""

    def send(self, stream: Stream) -> None:
        """Sends a stream to its end and takes the answers."""


class ServerTransport:
    """Reports to a server."""

    live = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def register(self, request: Any) -> Any:
        """Calls RegisterRun."""
        channel = self._connection.channel()
        try:
            return register_run(channel)(request, timeout=CALL_TIMEOUT, metadata=self._connection.metadata())
        except grpc.RpcError as e:
            raise _failure(e, _FINAL_AT_FIRST) from e
        finally:
            channel.close()

    def send(self, stream: Stream) -> None:
        """Calls Report and stays until the stream ends."""
        try:
            channel, metadata = self._connection.channel(), self._connection.metadata()
        except OSError as e:
            raise Unanswered(str(e)) from e
        try:
            stream.call = report(channel)(stream.messages(), metadata=metadata)
            for response in stream.call:
                if response.WhichOneof("response") == "accepted":
                    stream.answered = True
                    stream.outbox.accepted(response.accepted.sequence)
                else:
                    stream.listener.answered(response)
        except grpc.RpcError as e:
            # A stream that was closed is cancelled, which is nobody's failure.
            if stream.open:
                raise _failure(e, _FINAL) from e
        finally:
            stream.open = False
            channel.close()


def _failure(error: Any, final: Set[Any]) -> Exception:
    code, details = error.code(), error.details() or ""
    text = f"{code.name}: {details}" if details else code.name
    if code in final:
        return Refused(text)
    too_large = code == grpc.StatusCode.RESOURCE_EXHAUSTED and any(key in text for key in _SIZE_KEYS)
    return TooMuch(text) if too_large else Unanswered(text)


class FileTransport:
    """Writes the reports into a file, which ``fullrank import`` plays later."""

    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._request: Any = None

    def register(self, request: Any) -> Any:
        """Keeps the request for the file's beginning."""
        self._request = request
        return wire.RegisterRunResponse(run="")

    def send(self, stream: Stream) -> None:
        """Writes the messages as they come."""
        try:
            with self._path.open("xb") as file:
                file.write(FILE_HEADER)
                _write(file, self._request)
                for message in stream.messages():
                    _write(file, message)
                    # A half-written record at the end would make the file unreadable after a crash.
                    file.flush()
                    stream.outbox.accepted(message.sequence)
        except OSError as e:
            raise Refused(f"{self._path}: {e.strerror or e}") from e
        finally:
            stream.open = False


def _write(file: BinaryIO, message: Any) -> None:
    data = message.SerializeToString()
    length = len(data)
    prefix = bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    file.write(bytes(prefix) + data)


class Reporter:
    """A daemon thread that registers the run, sends what the outbox holds, and starts again when a connection was lost.

    Args:
        transport: the way out.
        outbox: what to send.
        request: makes the RegisterRunRequest; called once, when there is something to send.
        begin: makes Begin from the run's identity.
        listener: hears the answers.
    """

    def __init__(
        self,
        transport: Transport,
        outbox: Outbox,
        request: Callable[[], Any],
        begin: Callable[[str], Any],
        listener: Listener,
        notices: Notices,
    ) -> None:
        self._transport = transport
        self._outbox = outbox
        self._request = request
        self._begin = begin
        self._listener = listener
        self._notices = notices
        self._given_up = threading.Event()
        self._stream: Optional[Stream] = None
        self._thread = threading.Thread(target=self._work, name="fullrank", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def give_up(self) -> None:
        """Drops what was not accepted, and ends the stream."""
        self._given_up.set()
        self._outbox.close()
        if self._stream is not None:
            self._stream.close()

    def join(self, timeout: float) -> None:
        """Waits for the end of the thread, if it was started, at most this number of seconds."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _work(self) -> None:
        try:
            self._report()
        except Exception as e:  # noqa: BLE001 - this thread must not fail loudly beside somebody's training.
            self._stop(str(e) or type(e).__name__)

    def _report(self) -> None:
        request = self._request()
        response: Any = None
        stream: Optional[Stream] = None
        delay = FIRST_DELAY
        while not self._given_up.is_set():
            try:
                if response is None:
                    response = self._transport.register(request)
                    self._listener.registered(response)
                stream = self._stream = Stream(
                    self._outbox,
                    self._begin(response.run),
                    Limits.of(response.limits),
                    self._listener,
                    self._notices,
                    self._transport.live,
                )
                self._transport.send(stream)
                if self._outbox.wait_until_empty(0):
                    return
                raise Unanswered("the server ended the stream before it had accepted everything")
            except Unanswered as e:
                self._notices.say("unanswered", f"{e}; training goes on, reports wait and are sent later")
            except TooMuch as e:
                if not self._leave_out_features(str(e)):
                    self._notices.say("unanswered", f"{e}; training goes on, reports wait and are sent later")
            except Refused as e:
                self._stop(str(e))
                return
            if stream is not None and stream.answered:
                delay = FIRST_DELAY
            self._outbox.rewind()
            self._given_up.wait(delay * random.uniform(0.5, 1))
            delay = min(2 * delay, LONGEST_DELAY)

    def _leave_out_features(self, reason: str) -> bool:
        report = self._outbox.sent_features()
        if report is None:
            return False
        self._notices.say("too large", f"{reason}; these features are left out")
        self._listener.refused(report.build().snapshot.step, reason)
        self._outbox.forget(report)
        return True

    def _stop(self, reason: str) -> None:
        self._notices.say("refused", f"{reason}; nothing is reported any longer, training goes on")
        # First, so that whoever waits for the outbox knows why it is empty.
        self._listener.given_up(reason)
        self.give_up()

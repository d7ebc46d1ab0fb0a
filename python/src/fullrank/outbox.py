"""What a run has to report and the server has not accepted yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable, Deque, Optional, Sequence

import numpy as np

# Progress reports that may wait; when one more comes, the oldest one that was not sent is dropped.
CAPACITY = 1000

# Reports that may be on their way at the same time, less than the capacity so that there is always one to drop.
WINDOW = 256


@dataclass(eq=False)
class Report:
    """One thing to report.

    Attributes:
        build: makes the ReportRequest, without its sequence; called by the thread that sends.
        features: n × m_H, the matrix whose pieces follow; None for a report without.
        more: arrays whose pieces follow those of the features.
        witness: whether phase 2 builds on the features.
        last: whether this ends the run.
        sequence: of the last message in the stream that it was sent in; 0 if it was not sent in this one.
    """

    build: Callable[[], Any]
    features: Optional["np.ndarray[Any, Any]"] = None
    more: Sequence["np.ndarray[Any, Any]"] = ()
    witness: bool = False
    last: bool = False
    droppable: bool = False
    sequence: int = field(default=0)


class Outbox:
    """A queue that never makes its writer wait: what is too much is dropped and counted.

    At most ``CAPACITY`` progress reports wait, and one matrix of features beside one that is being sent: a newer one takes
    the place of an older one, but never of a witness. Reports stay until they are accepted, so that they can be sent again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reports: Deque[Report] = deque()
        self._sent = 0
        self._progress = 0
        self._closed = False
        self._dropped_progress = 0
        self._dropped_snapshots = 0

    @property
    def dropped_progress(self) -> int:
        """Progress reports that were dropped."""
        return self._dropped_progress

    @property
    def dropped_snapshots(self) -> int:
        """Matrices of features that were dropped."""
        return self._dropped_snapshots

    def put(self, report: Report) -> None:
        """Adds a report at the end."""
        with self._changed:
            if self._closed:
                self._count(report)
                return
            if report.features is not None and not self._make_room(report):
                return
            if report.droppable:
                if self._progress >= CAPACITY:
                    self._drop_oldest_progress()
                self._progress += 1
            self._reports.append(report)
            self._changed.notify_all()

    def _count(self, report: Report) -> None:
        if report.features is not None:
            self._dropped_snapshots += 1
        elif report.droppable:
            self._dropped_progress += 1

    def _make_room(self, newer: Report) -> bool:
        waiting = [r for r in list(self._reports)[self._sent :] if r.features is not None]
        if any(r.witness for r in waiting) and not newer.witness:
            self._dropped_snapshots += 1
            return False
        for report in waiting:
            if not report.witness:
                self._reports.remove(report)
                self._dropped_snapshots += 1
        return True

    def _drop_oldest_progress(self) -> None:
        for index in range(self._sent, len(self._reports)):
            if self._reports[index].droppable:
                del self._reports[index]
                self._progress -= 1
                self._dropped_progress += 1
                return

    def next(self, timeout: float, open_: Callable[[], bool]) -> Optional[Report]:
        """Takes the next report to send, which stays until it is accepted.

        Args:
            timeout: seconds to wait for one.
            open_: whether the stream that it is for still stands; looked at while the reports are locked.

        Returns:
            None if none came, or the stream does not stand any longer.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while open_():
                if self._sent < len(self._reports) and self._sent < WINDOW:
                    report = self._reports[self._sent]
                    self._sent += 1
                    return report
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                # A stream that ends wakes nobody up, so it is looked at again after a while.
                self._changed.wait(min(left, 0.5))
            return None

    def accepted(self, sequence: int) -> None:
        """Forgets the reports that were sent up to this sequence."""
        with self._changed:
            while self._sent > 0 and 0 < self._reports[0].sequence <= sequence:
                self._remove_first()
            self._changed.notify_all()

    def forget(self, report: Report) -> None:
        """Forgets a report that was taken but cannot be sent."""
        with self._changed:
            index = self._reports.index(report)
            del self._reports[index]
            self._sent -= index < self._sent
            self._progress -= report.droppable
            self._count(report)
            self._changed.notify_all()

    def _remove_first(self) -> None:
        self._progress -= self._reports.popleft().droppable
        self._sent -= 1

    def rewind(self) -> None:
        """Makes all that was sent but not accepted wait again, for a new stream."""
        with self._changed:
            for report in self._reports:
                report.sequence = 0
            self._sent = 0
            waiting = [r for r in self._reports if r.features is not None and not r.witness]
            for report in waiting[:-1]:
                self._reports.remove(report)
                self._dropped_snapshots += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Drops what is there and what comes."""
        with self._changed:
            for report in self._reports:
                self._count(report)
            self._reports.clear()
            self._sent = 0
            self._progress = 0
            self._closed = True
            self._changed.notify_all()

    def holds(self, features: "np.ndarray[Any, Any]") -> bool:
        """Whether this very matrix waits or is being sent, so that it must not be changed."""
        with self._changed:
            return any(report.features is features for report in self._reports)

    def sent_features(self) -> Optional[Report]:
        """The first report with features that was sent and is not accepted."""
        with self._changed:
            return next((r for r in list(self._reports)[: self._sent] if r.features is not None), None)

    def wait_until_empty(self, timeout: float) -> bool:
        """Waits until all is accepted or dropped; False if that takes longer than the timeout in seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._reports, timeout)

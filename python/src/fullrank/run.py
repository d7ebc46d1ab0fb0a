"""A run as the program that trains sees it."""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import platform
import re
import secrets
import socket
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type, Union

import numpy as np

from fullrank import checks as check_section
from fullrank import wire
from fullrank.checks import Checks
from fullrank.connection import Connection
from fullrank.factors import Factors
from fullrank.guarantee import Guarantee, Verdict
from fullrank.mirror import Mirror, mirror_of
from fullrank.outbox import Outbox, Report
from fullrank.reporter import FileTransport, Notices, Reporter, ServerTransport, Transport
from fullrank.rules import Advice, Rule

# Seconds that end() waits for the server to accept what is left, if it is not told otherwise.
END_TIMEOUT = 30.0

# The same where the program ends without end().
EXIT_TIMEOUT = 5.0

VERDICT_TIMEOUT = 60.0

# The check of the features.
EXPRESSIVITY = "expressivity"

_LONGEST_TEXT = 256

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_VARIANTS = {"base": "VARIANT_BASE", "two-phase": "VARIANT_TWO_PHASE"}
_LOSSES = {"cross-entropy": "LOSS_CROSS_ENTROPY", "squared": "LOSS_SQUARED", "external": "LOSS_EXTERNAL"}
_STATES = ("FINISHED", "FAILED", "CANCELLED")
_TYPES = {
    np.dtype("float16"): "DATA_TYPE_FLOAT16",
    np.dtype("float32"): "DATA_TYPE_FLOAT32",
    np.dtype("float64"): "DATA_TYPE_FLOAT64",
}

Scalar = Any
"""A number, or an array or tensor with one entry."""


@dataclass(frozen=True)
class Layer:
    """A layer with parameters of its own: its name, its kind such as "Linear", and how many parameters it has."""

    name: str
    kind: str
    parameters: int


@dataclass(frozen=True)
class Network:
    """The network that is trained.

    Attributes:
        framework: such as "torch 2.13.0".
        model: its class or name.
        layers: from the input to the output.
        last_hidden_width: m_H, the columns of the features.
        outputs: K.
        analytic: whether all operators below the output layer are real-analytic; None if not known.
        operators_not_analytic: those that are not, such as "relu".
    """

    framework: str = ""
    model: str = ""
    layers: Sequence[Layer] = ()
    last_hidden_width: int = 0
    outputs: int = 0
    analytic: Optional[bool] = None
    operators_not_analytic: Sequence[str] = ()


@dataclass(frozen=True)
class DataSet:
    """The rows that the run trains on; 0 for what is not known.

    Attributes:
        name: for people to read.
        train_rows: n.
        test_rows: rows of the test set.
        inputs: entries of a row.
        classes: K.
        train_sha256: of the training inputs and labels in order; see :func:`data_sha256`.
    """

    name: str = ""
    train_rows: int = 0
    test_rows: int = 0
    inputs: int = 0
    classes: int = 0
    train_sha256: bytes = b""


@dataclass(frozen=True)
class Training:
    """How the network is trained.

    Attributes:
        optimizer: such as "AdamW".
        settings: of the optimiser, for people to read.
        loss: "cross-entropy", "squared" (half the squared distance) or "external" for any other.
        total_steps: T; 0 if not known.
        epochs: 0 if not known.
        switch_step: τ, the step at which phase 2 begins; None if there is none or it is not known.
        switch_fraction: τ/T.
        noise: standard deviation of the perturbation of the hidden parameters at τ.
        verdict_timeout: seconds that training waits at τ.
        every_steps: steps between snapshots; 0 for none.
    """

    optimizer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    loss: str = "external"
    total_steps: int = 0
    epochs: int = 0
    switch_step: Optional[int] = None
    switch_fraction: float = 0.0
    noise: float = 0.0
    verdict_timeout: float = VERDICT_TIMEOUT
    every_steps: int = 0


class Run:
    """Reports one run; made by :func:`fullrank.start`.

    No method but :meth:`await_verdict` and :meth:`end` waits for the server, and none of those that are called in a training
    loop raises because of it: what goes wrong is a warning of one line in the logger "fullrank", once. Methods may be called
    from any thread. In a forked child process, and on all ranks but 0 of a distributed training, they do nothing.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        *,
        seed: int = 0,
        variant: Optional[str] = None,
        experiment: str = "",
        variants: Iterable[str] = (),
        seeds: Iterable[int] = (),
        data_set: str = "",
        margin: float = 0.005,
        resume: Optional[Path] = None,
        resumed_from_step: Optional[int] = None,
        mirrors: Iterable[Any] = (),
        checks: Optional[Checks] = None,
        rules: Iterable[Rule] = (),
        on_advice: Optional[Callable[[Advice], None]] = None,
        active: bool = True,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"name: '{name}' must have 1 to 63 characters out of a-z, 0-9 and '-', starting with a letter"
            )
        chosen = list(variants) if variant is None else [variant, *variants]
        for each in chosen:
            if each not in _VARIANTS:
                raise ValueError(f"variant: '{each}' is not one of {', '.join(_VARIANTS)}")
        self.name = name
        self.seed = seed
        self.network = Network()
        self.data_set = DataSet(name=data_set or name)
        self.training = Training()
        self._variant = variant
        self._variants = list(variants)
        self._seeds = list(dict.fromkeys([*seeds, seed]))
        self._experiment = experiment
        self._id = ""
        self._margin = margin
        self._identity = _Identity.of(resume, experiment)
        self._resumes = resume is not None
        self._resumed_from_step = resumed_from_step
        self._active = active
        self._process = os.getpid()
        self._started = time.monotonic()
        self._begun = threading.Lock()
        self._begun_done = False
        self._ended = False
        self._step = resumed_from_step or 0
        self._counted = False
        self._observed: Optional[Tuple[Callable[[], Mapping[str, float]], Optional[Scalar]]] = None
        self._phase_two_from: Optional[int] = None
        self._snapshots = 0
        self._last: Dict[str, Scalar] = {}
        self._guarantee: Optional[Guarantee] = None
        self._stopped = ""
        self._changed = threading.Condition()
        self._verdicts: Dict[int, Verdict] = {}
        self._other_verdicts: Dict[str, Dict[int, Verdict]] = {}
        self._checks = checks
        if checks is not None:
            check_section.write(checks, wire.RegisterRunRequest().spec.checks)
        self._rules = list(rules)
        self._on_advice = on_advice
        self._advice: List[Advice] = []
        self._missing: Dict[int, str] = {}
        self._flaws: Dict[int, str] = {}
        self._given_up = ""
        self._notices = Notices()
        self._mirrors: List[Mirror] = [mirror_of(each) for each in mirrors] if active else []
        self._outbox = Outbox()
        self._reporter = Reporter(transport, self._outbox, self._request, self._begin, self, self._notices)
        if active:
            atexit.register(self._at_exit)

    # What the program tells.

    def describe(
        self,
        network: Optional[Network] = None,
        data_set: Optional[DataSet] = None,
        training: Optional[Training] = None,
    ) -> None:
        """Says what is trained: at least m_H and K, without which no server takes a run. Reports wait until then.

        After the first report that follows it is too late to say more, which is a warning.
        """
        if self._begun_done:
            self._notices.say("describe", "the run is registered already, so its description stays as it is")
            return
        self.network = network or self.network
        self.data_set = data_set or self.data_set
        self.training = training or self.training

    @property
    def variant_given(self) -> Optional[str]:
        """The variant that the program asked for, if it did."""
        return self._variant

    @property
    def variant(self) -> str:
        """"base" or "two-phase"; base unless it was given or a switch was described."""
        if self._variant is not None:
            return self._variant
        return "base" if self.training.switch_step is None else "two-phase"

    def begin(self) -> None:
        """Registers the run, if it is described. The first report does it, too; so the server's warnings come sooner."""
        if not self._alive():
            return
        if not (self.network.last_hidden_width and self.network.outputs):
            self._notices.say(
                "describe",
                "reports wait until run.describe(fullrank.Network(last_hidden_width=…, outputs=…)) says what is trained",
            )
            return
        with self._begun:
            if not self._begun_done:
                self._begun_done = True
                self._reporter.start()

    def log(
        self,
        loss: Optional[Scalar] = None,
        *,
        step: Optional[int] = None,
        epoch: float = 0.0,
        train_loss: Optional[Scalar] = None,
        train_error: Optional[Scalar] = None,
        test_loss: Optional[Scalar] = None,
        test_error: Optional[Scalar] = None,
        learning_rate: Optional[Scalar] = None,
        gradient_norms: Optional[Mapping[str, Scalar]] = None,
    ) -> None:
        """Reports progress; takes some microseconds.

        Args:
            loss: of the last step's mini-batch.
            step: steps done; if not given, the steps that an optimiser's hook has counted, or one more than before.
            epoch: passes over the training set, with their fraction.
            train_loss: mean over the whole training set.
            train_error: fraction of wrongly classified training rows.
            test_loss: mean over the test set.
            test_error: fraction of wrongly classified test rows.
            learning_rate: of the last step.
            gradient_norms: Euclidean norm of the last step's gradient, by layer.
        """
        if not self._alive():
            return
        if step is not None:
            self._step = step
        elif not self._counted:
            self._step += 1
        values = {
            "batch_loss": loss,
            "train_loss": train_loss,
            "train_error": train_error,
            "test_loss": test_loss,
            "test_error": test_error,
            "learning_rate": learning_rate,
        }
        given = {key: later(value) for key, value in values.items() if value is not None}
        norms = {} if gradient_norms is None else {key: later(value) for key, value in gradient_norms.items()}
        observed, self._observed = self._observed, None
        if observed is not None and learning_rate is None and observed[1] is not None:
            given["learning_rate"] = later(observed[1])
        self._last.update(given)
        at, phase, seconds = self._step, self.phase, time.monotonic() - self._started
        counts = (self._snapshots, self._outbox.dropped_snapshots)

        def build() -> Any:
            request = wire.ReportRequest()
            progress = request.progress
            progress.step, progress.epoch, progress.phase, progress.seconds = at, epoch, _phase(phase), seconds
            for key, value in given.items():
                setattr(progress, key, value())
            read = {layer: norm() for layer, norm in norms.items()}
            if observed is not None and not read:
                read.update(observed[0]())
            for layer, norm in read.items():
                progress.gradient_norms.add(layer=layer, norm=norm)
            progress.snapshots.published, progress.snapshots.dropped = counts
            return request

        self._put(Report(build, droppable=True))

    def features(
        self,
        step: int,
        features: Any,
        *,
        witness: bool = False,
        bfloat16: bool = False,
        copy: bool = True,
        flaw: str = "",
        factors: Optional[Factors] = None,
    ) -> None:
        """Sends the last hidden layer's outputs to be certified.

        Args:
            step: steps done when they were computed.
            features: n × m_H in float16, float32 or float64: one row for each training row, in the same order each time,
                without a column of ones.
            witness: whether phase 2 builds on them.
            bfloat16: the entries are those of bfloat16, given as uint16 of their bits.
            copy: False if the array stays as it is until it is sent; see :meth:`sending`.
            flaw: what the program knows to be wrong with them, in words; joins the reason of a verdict that refutes them.
            factors: of the Jacobian, for the check "tangent-kernel"; their arrays stay as they are until they are sent.
        """
        if not self._alive():
            return
        array = np.asarray(features)
        wrong = self._misfit(array, bfloat16) or ("" if factors is None else factors.misfit(self.network.outputs))
        if wrong:
            self._notices.say("features", f"{wrong}; not sent")
            self._no_verdict(step, wrong)
            return
        array = np.array(array, order="C") if copy else np.ascontiguousarray(array)
        data_type = "DATA_TYPE_BFLOAT16" if bfloat16 else _TYPES[array.dtype]
        phase = 2 if witness else self.phase
        self._snapshots += 1
        if flaw:
            self._flaws[step] = flaw

        def build() -> Any:
            request = wire.ReportRequest()
            snapshot = request.snapshot
            snapshot.step, snapshot.phase, snapshot.witness = step, _phase(phase), witness
            snapshot.rows, snapshot.columns = array.shape
            snapshot.type = wire.number("DataType", data_type)
            if factors is not None:
                factors.write(snapshot.factors)
            return request

        self._put(Report(build, array, () if factors is None else factors.arrays(), witness=witness))

    def _misfit(self, array: "np.ndarray[Any, Any]", bfloat16: bool) -> str:
        shape, width, rows = "×".join(map(str, array.shape)), self.network.last_hidden_width, self.data_set.train_rows
        if array.ndim != 2 or 0 in array.shape:
            return f"features: an array of shape {shape} is no matrix of training rows × last hidden width"
        if not (array.dtype == np.dtype("uint16") if bfloat16 else array.dtype in _TYPES):
            return f"features: {array.dtype} is none of float16, float32 and float64 in this machine's byte order"
        if array.shape[1] != width:
            return f"features: {shape}, but the last hidden layer was described with a width of {width}"
        if rows not in (0, len(array)):
            return f"features: {shape}, but the training set was described with {rows} rows"
        return ""

    def sending(self, features: "np.ndarray[Any, Any]") -> bool:
        """Whether this array, given with ``copy=False``, waits or is being sent."""
        return self._outbox.holds(features)

    def await_verdict(
        self, step: int, timeout: float = VERDICT_TIMEOUT, *, check: str = EXPRESSIVITY
    ) -> Optional[Verdict]:
        """Waits for the verdict on the features of a step.

        Args:
            step: steps done when they were taken.
            check: whose verdict.
            timeout: seconds to wait at most.

        Returns:
            None if none came in time, or none can come; :meth:`missing` says why.
        """
        if not self._alive() or not self._begun_done:
            return None
        with self._changed:
            self._changed.wait_for(
                lambda: step in self._of(check) or step in self._missing or bool(self._given_up), timeout
            )
            return self._of(check).get(step)

    def _of(self, check: str) -> Dict[int, Verdict]:
        return self._verdicts if check == EXPRESSIVITY else self._other_verdicts.setdefault(check, {})

    def missing(self, step: int) -> str:
        """Why no verdict on the features of a step can come; empty if one may."""
        return self._missing.get(step) or self._given_up

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        """The verdicts on the features that came, by step; :meth:`verdicts_of` has those of other checks."""
        with self._changed:
            return dict(self._verdicts)

    def verdicts_of(self, check: str) -> Mapping[int, Verdict]:
        """The verdicts of a check, such as "tangent-kernel", by step."""
        with self._changed:
            return dict(self._of(check))

    @property
    def advice(self) -> Sequence[Advice]:
        """What rules have advised, in order."""
        with self._changed:
            return list(self._advice)

    @property
    def guarantee(self) -> Optional[Guarantee]:
        """What is guaranteed of phase 2; None before the switch and without one."""
        return self._guarantee

    def state_guarantee(self, guarantee: Guarantee) -> None:
        """Reports what is guaranteed from the switch on."""
        self._guarantee = guarantee
        if self._alive():
            message = guarantee.message()
            self._put(Report(lambda: wire.ReportRequest(guarantee=message)))

    def conclude_guarantee(self, guarantee: Guarantee) -> None:
        """Sets the guarantee as it stands at the end; it is reported with the result."""
        self._guarantee = guarantee

    def end(
        self,
        *,
        test_error: Optional[Scalar] = None,
        train_error: Optional[Scalar] = None,
        train_loss: Optional[Scalar] = None,
        state: str = "FINISHED",
        reason: str = "",
        verdict_of: Optional[int] = None,
        timeout: float = END_TIMEOUT,
    ) -> bool:
        """Reports the result and waits until the server has accepted everything, but no longer than the timeout.

        Args:
            test_error: fraction of wrongly classified test rows; the last one that was logged if not given.
            train_error: the same of the training set.
            train_loss: mean loss over the training set, likewise.
            state: FINISHED, FAILED or CANCELLED.
            reason: for FAILED and CANCELLED, in one sentence.
            verdict_of: a step whose verdict to wait for before, as long again at most, if the server knows the run.
            timeout: seconds.

        Returns:
            Whether all was accepted. What was not is lost, which is a warning.

        Raises:
            ValueError: if there is no such state.
        """
        if state not in _STATES:
            raise ValueError(f"state: '{state}' is not one of {', '.join(_STATES)}")
        if self._ended or not self._alive():
            return False
        if self._observed is not None:
            self.log()
        if verdict_of is not None and self._id:
            self.await_verdict(verdict_of, timeout)
        if self._stopped and state == "FINISHED":
            state, reason = "CANCELLED", self._stopped
        values = {"test_error": test_error, "train_error": train_error, "train_loss": train_loss}
        for key, value in values.items():
            if value is not None:
                self._last[key] = later(value)
        steps, seconds = self._step, time.monotonic() - self._started
        guarantee = None if self._guarantee is None else self._guarantee.message()

        def build() -> Any:
            request = wire.ReportRequest()
            result = request.result
            result.state = wire.number("RunState", "RUN_STATE_" + state)
            result.steps, result.seconds, result.reason = steps, seconds, _text(reason)
            for key, target in (
                ("train_loss", "final_train_loss"),
                ("train_error", "train_error"),
                ("test_error", "test_error"),
            ):
                if key in self._last:
                    setattr(result, target, self._last[key]())
            result.snapshots.published = self._snapshots
            result.snapshots.dropped = self._outbox.dropped_snapshots
            if guarantee is not None:
                result.guarantee.CopyFrom(guarantee)
            return request

        self._put(Report(build, last=True))
        self._ended = True
        if not self._begun_done:
            self._given_up = "the run was not described"
            self._reporter.give_up()
        return self._flush(timeout)

    def _flush(self, timeout: float) -> bool:
        atexit.unregister(self._at_exit)
        done = self._outbox.wait_until_empty(timeout) and not self._given_up
        if not done and not self._given_up:
            self._notices.say("lost", f"not everything was accepted within {timeout:g} s; the rest is lost")
        if done:
            # A server that has all ends the stream by itself.
            self._reporter.join(1.0)
        self._reporter.give_up()
        self._reporter.join(1.0)
        for mirror in self._mirrors:
            mirror.close()
        return done

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: object) -> None:
        if error is None:
            self.end()
        elif isinstance(error, KeyboardInterrupt):
            self.end(state="CANCELLED", reason="interrupted", timeout=EXIT_TIMEOUT)
        else:
            self.end(state="FAILED", reason=f"{type(error).__name__}: {error}", timeout=EXIT_TIMEOUT)

    def _at_exit(self) -> None:
        if self._ended or not self._alive() or not self._begun_done:
            return
        if self._resumes:
            self._ended = True
            self._flush(EXIT_TIMEOUT)
        else:
            self.end(state="FAILED", reason="the program ended without run.end()", timeout=EXIT_TIMEOUT)

    # What the program can look at.

    @property
    def id(self) -> str:
        """The run's identity; empty until the server has registered it."""
        return self._id

    @property
    def experiment(self) -> str:
        """The identity of the experiment, for other runs to join it; empty until it is known."""
        return self._experiment

    @property
    def step(self) -> int:
        """Steps done, as far as reported."""
        return self._step

    @property
    def phase(self) -> int:
        """1, or 2 after the switch."""
        return 1 if self._phase_two_from is None else 2

    @property
    def stopped(self) -> str:
        """Why training is to stop, because the run was cancelled or a rule advises it; empty if it is not."""
        return self._stopped

    @property
    def dropped(self) -> int:
        """Reports that never reached the server: progress and features."""
        return self._outbox.dropped_progress + self._outbox.dropped_snapshots

    @property
    def active(self) -> bool:
        """Whether this process reports at all."""
        return self._alive()

    def observe(
        self, step: int, gradient_norms: Callable[[], Mapping[str, float]], learning_rate: Optional[Scalar] = None
    ) -> None:
        """Sets the steps done and what goes with them into the next :meth:`log`; for an optimiser's hook.

        Args:
            step: steps done.
            gradient_norms: reads the norms by layer when they are sent.
            learning_rate: of the last step.
        """
        if not self._alive():
            return
        if self._observed is not None:
            # The program did not log the step before.
            self.log()
        self._counted = True
        self._step = step
        self._observed = (gradient_norms, learning_rate)

    def begin_phase_two(self, step: int) -> None:
        """Marks the switch: what is reported from here on is of phase 2."""
        self._phase_two_from = step

    def warn(self, kind: str, text: str) -> None:
        """Warns in one line, once for each kind."""
        self._notices.say(kind, text)

    # What the reporter's thread tells.

    def registered(self, response: Any) -> None:
        """Takes the answer to the registration."""
        self._identity.keep(response.run, response.experiment or self._experiment)
        self._id, self._experiment = response.run, response.experiment or self._experiment
        for text in response.warnings:
            self._notices.say(text, text)
        with self._changed:
            self._changed.notify_all()

    def answered(self, response: Any) -> None:
        """Takes a verdict, a skipped snapshot, advice or a stop."""
        kind = response.WhichOneof("response")
        if kind == "verdict" and response.verdict.check not in ("", EXPRESSIVITY):
            self._judged_otherwise(response.verdict.check, Verdict.of(response.verdict))
        elif kind == "verdict":
            verdict = Verdict.of(response.verdict)
            if verdict.outcome == "REFUTED":
                flaw = self._flaws.get(verdict.step)
                verdict = verdict if flaw is None else replace(verdict, reason=f"{verdict.reason}; {flaw}")
                self._notices.say("refuted", f"step {verdict.step}: REFUTED: {verdict.reason}")
            with self._changed:
                self._verdicts[verdict.step] = verdict
                self._changed.notify_all()
            for mirror in self._mirrors:
                self._tell(mirror, verdict)
        elif kind == "skipped":
            reason = wire.name("SkipReason", response.skipped.reason)
            self._no_verdict(response.skipped.step, f"the checker skipped the features: {reason}")
        elif kind == "advice":
            self._advised(Advice.of(response.advice))
        elif kind == "stop":
            self._stopped = response.stop.reason or "the server asked for it"
            self._notices.say("stop", f"the run is to stop: {self._stopped}")

    def _judged_otherwise(self, check: str, verdict: Verdict) -> None:
        if verdict.outcome == "REFUTED":
            self._notices.say(f"refuted by {check}", f"step {verdict.step}: {check} REFUTED: {verdict.reason}")
        with self._changed:
            self._of(check)[verdict.step] = verdict
            self._changed.notify_all()

    def _advised(self, advice: Advice) -> None:
        with self._changed:
            # A stream that begins again brings what came before once more.
            if advice in self._advice:
                return
            self._advice.append(advice)
            self._changed.notify_all()
        self._notices.say(f"advice {advice.when} {advice.do}", advice.text)
        if advice.do == "stop":
            self._stopped = self._stopped or advice.text
        if self._on_advice is not None:
            try:
                self._on_advice(advice)
            except Exception as e:  # noqa: BLE001 - other people's code must not end the reports.
                self._notices.say("on_advice", f"on_advice failed: {type(e).__name__}: {e}")

    def _tell(self, mirror: Mirror, verdict: Verdict) -> None:
        try:
            mirror.verdict(verdict)
        except Exception as e:  # noqa: BLE001 - other people's loggers must not end the reports.
            self._notices.say("mirror", f"a verdict could not be mirrored: {type(e).__name__}: {e}")

    def refused(self, step: int, reason: str) -> None:
        """Learns that the features of a step are not sent."""
        self._no_verdict(step, reason)

    def given_up(self, reason: str) -> None:
        """Learns that nothing is reported any longer."""
        with self._changed:
            self._given_up = reason
            self._changed.notify_all()

    def _no_verdict(self, step: int, reason: str) -> None:
        with self._changed:
            self._missing[step] = reason
            self._changed.notify_all()

    # Messages.

    def _alive(self) -> bool:
        return self._active and os.getpid() == self._process

    def _put(self, report: Report) -> None:
        if self._ended:
            self._notices.say("ended", "the run has ended, so nothing more is reported")
            return
        self.begin()
        self._outbox.put(report)

    def _request(self) -> Any:
        # Before the server knows it, so that no end of the program leaves a run whose key is lost.
        self._identity.keep(self._id, self._identity.experiment or self._experiment)
        request = wire.RegisterRunRequest(
            experiment=self._identity.experiment or self._experiment,
            variant=wire.number("Variant", _VARIANTS[self.variant]),
            seed=self.seed,
            run_key=self._identity.key,
            train_rows=self.data_set.train_rows,
        )
        spec, training = request.spec, self.training
        spec.name = self.name
        spec.data_set.name = _text(self.data_set.name)
        spec.data_set.train_size = self.data_set.train_rows
        spec.data_set.test_size = self.data_set.test_rows
        external = spec.network.external
        external.framework = _text(self.network.framework or f"python {platform.python_version()}")
        external.model = _text(self.network.model or self.name)
        for layer in self.network.layers:
            external.layers.add(name=_text(layer.name), kind=_text(layer.kind), parameters=layer.parameters)
        external.last_hidden_width = self.network.last_hidden_width
        external.outputs = self.network.outputs
        if self.network.analytic is not None:
            external.analytic = self.network.analytic
        external.operators_not_analytic.extend(map(_text, self.network.operators_not_analytic))
        spec.loss = wire.number("Loss", _LOSSES[training.loss])
        spec.algorithm.external.name = _text(training.optimizer or "external")
        spec.algorithm.external.settings.update({_text(k): _text(v) for k, v in training.settings.items()})
        spec.epochs = training.epochs
        variants = list(dict.fromkeys([*self._variants, self.variant]))
        spec.variants.extend(wire.number("Variant", _VARIANTS[each]) for each in variants)
        spec.seeds.extend(self._seeds)
        spec.snapshots.every_steps = training.every_steps
        spec.equivalence_margin = self._margin
        if self._checks is not None:
            check_section.write(self._checks, spec.checks)
        for rule in self._rules:
            rule.write(spec.rules.add())
        if "two-phase" in variants:
            two_phase = spec.two_phase
            two_phase.switch_fraction = training.switch_fraction
            two_phase.noise = training.noise
            two_phase.solver = wire.number("PhaseTwoSolver", "PHASE_TWO_SOLVER_BASE")
            two_phase.hidden = wire.number("HiddenLayers", "HIDDEN_LAYERS_FROZEN")
            two_phase.verdict_timeout.seconds = int(training.verdict_timeout)
            two_phase.verdict_timeout.nanos = int(training.verdict_timeout % 1 * 1e9)
        return request

    def _begin(self, run: str) -> Any:
        begin = wire.Begin()
        begin.run, begin.run_key = run, self._identity.key
        begin.protocol, begin.attempt = wire.PROTOCOL, self._identity.attempt
        if self._resumed_from_step is not None:
            begin.resumed_from_step = self._resumed_from_step
        data = self.data_set
        identity = begin.data_set
        identity.name, identity.train_rows, identity.test_rows = _text(data.name), data.train_rows, data.test_rows
        identity.inputs, identity.classes, identity.train_sha256 = data.inputs, data.classes, data.train_sha256
        begin.total_steps = self.training.total_steps
        if self.training.switch_step is not None and self.variant == "two-phase":
            begin.switch_step = self.training.switch_step
        begin.versions.update(_versions())
        begin.client = _text(f"{socket.gethostname()}/{self._process}")
        return begin


def _text(text: str) -> str:
    """As much of a text for people as the server takes, without control characters."""
    text = "".join(each if each.isprintable() else " " for each in text)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _phase(phase: int) -> int:
    return wire.number("Phase", "PHASE_ONE" if phase == 1 else "PHASE_TWO")


def later(value: Scalar) -> Callable[[], float]:
    """Reads a number when it is needed, by the thread that sends, so that no training step waits for a device."""
    detach = getattr(value, "detach", None)
    if detach is None:
        return lambda: float(value)
    tensor = detach()
    if not tensor.is_cuda:
        return lambda: float(tensor)
    event = sys.modules["torch"].cuda.Event()
    event.record()

    def read() -> float:
        event.synchronize()
        return float(tensor)

    return read


def _versions() -> Dict[str, str]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    for module in ("torch", "lightning", "transformers", "keras", "jax"):
        found = getattr(sys.modules.get(module), "__version__", None)
        if found is not None:
            versions[module] = str(found)
    return versions


@dataclass
class _Identity:
    """Who the run is to the server, kept in a file if it is to be resumed by another start of the program."""

    file: Optional[Path]
    key: bytes
    attempt: int
    experiment: str

    @staticmethod
    def of(file: Optional[Path], experiment: str) -> "_Identity":
        if file is None or not file.exists():
            return _Identity(file, secrets.token_bytes(32), 1, experiment)
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return _Identity(file, bytes.fromhex(kept["key"]), int(kept["attempt"]) + 1, str(kept["experiment"]))
        except (ValueError, KeyError, TypeError) as e:
            raise ValueError(f"{file}: not a file that a run was kept in ({e}); remove it to start a new run") from e

    def keep(self, run: str, experiment: str) -> None:
        if self.file is None:
            return
        kept = {"run": run, "experiment": experiment, "key": self.key.hex(), "attempt": self.attempt}
        temporary = self.file.with_name(self.file.name + ".new")
        try:
            # Who reads the key may report into the run.
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                json.dump(kept, out)
            temporary.replace(self.file)
        except OSError as e:
            logging.getLogger("fullrank").warning("fullrank: the run cannot be resumed: %s: %s", self.file, e.strerror)


def data_sha256(inputs: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]", classes: int) -> bytes:
    """The fingerprint of a training set, the same that Fullrank's own trainer gives it.

    Args:
        inputs: n rows, as trained on; taken as float32.
        labels: n integers from 0 to classes − 1.

    Returns:
        SHA-256 over rows, inputs of a row and classes (4 bytes each), the values (float32, row by row) and the labels
        (4 bytes each), all little-endian; 32 bytes.
    """
    values = np.ascontiguousarray(inputs, dtype="<f4").reshape(len(inputs), -1)
    digest = hashlib.sha256(np.array([*values.shape, classes], dtype="<i4").tobytes())
    digest.update(values.data)
    digest.update(np.ascontiguousarray(labels, dtype="<i4").tobytes())
    return digest.digest()


def transport_to(
    server: Optional[str],
    file: Optional[Union[str, Path]],
    token_file: Optional[str],
    ca: Optional[str],
    cert: Optional[str],
    key: Optional[str],
) -> Transport:
    """The way to a server or into a file, exactly one of which is given."""
    if (server is None) == (file is None):
        raise ValueError("give server='host:9001', or file='run.fullrank' for 'fullrank import'")
    if server is not None:
        return ServerTransport(Connection.to(server, token_file, ca, cert, key))
    path = Path(str(file))
    if path.exists():
        raise ValueError(f"file: {path} exists; give another name or remove it")
    return FileTransport(path)


def is_first_rank() -> bool:
    """Whether this process is the only one that trains, or rank 0 of several."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return bool(distributed.get_rank() == 0)
    return os.environ.get("RANK", "0") == "0"

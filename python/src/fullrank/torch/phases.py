"""The two-phase algorithm of Kawaguchi and Sun (AAAI 2021) for any network with a linear output layer."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch

from fullrank.guarantee import Guarantee
from fullrank.run import VERDICT_TIMEOUT, DataSet, Run, Training, data_sha256
from fullrank.torch.capture import Capture, as_multiplied, to_numpy
from fullrank.torch.loss import Loss
from fullrank.torch.model import bare, examine, is_compiled, rows_of, select
from fullrank.torch.rows import KnownRows, RowOrder
from fullrank.torch.watching import Steps, described, trains

_SOME_ROWS = 16

Callback = Callable[[], object]


def two_phase(
    run: Run,
    net: Any,
    optimizer: Any,
    *,
    data: Tuple[Any, Any],
    total_steps: int,
    switch: float = 0.6,
    noise: float = 1e-3,
    loss: Union[str, Callable[[Any, Any], Any]] = "cross-entropy",
    batch_size: Optional[int] = None,
    head: Optional[Any] = None,
    in_loop: bool = False,
    every: int = 0,
    verdict_timeout: float = VERDICT_TIMEOUT,
    autocast: Optional[Any] = None,
) -> "TwoPhase":
    """Prepares the two-phase algorithm; a run of the variant "base" trains all layers in all steps instead.

    Args:
        run: the run to report to.
        net: the network; its output has to be that of a ``torch.nn.Linear``.
        optimizer: one, or a list of them; those that hold the output layer train it in phase 2, without weight decay.
        data: inputs and targets of all n training rows, in the order of the loader's data set: inputs are a tensor, or a
            tuple or dictionary of tensors; targets are n labels, or n × K numbers for the squared loss.
        total_steps: T, steps of the optimiser in both phases together.
        switch: τ/T: phase 2 begins after ⌊switch · T⌋ steps.
        noise: standard deviation of what is added to each hidden parameter at the switch.
        loss: "cross-entropy", "squared", or what is called with outputs and targets.
        batch_size: rows of a batch; the loader's, if not given.
        head: the output layer; found where the network returns its outputs.
        in_loop: whether :meth:`TwoPhase.batches` goes on in phase 2, with the hidden layers frozen, instead of training the
            output layer on cached features in :meth:`TwoPhase.finish`.
        every: steps between features to be certified in phase 1; 0 for none but the witness.
        verdict_timeout: seconds to wait at the switch.
        autocast: the type that autocast uses; found at the first training pass of a network that is not compiled.

    Raises:
        ValueError: if an argument is wrong, or the network has no such output layer, or targets that do not fit it.
    """
    if total_steps < 1:
        raise ValueError(f"total_steps: {total_steps} must be at least 1")
    if not 0 < switch < 1:
        raise ValueError(f"switch: {switch} must lie between 0 and 1")
    if noise < 0:
        raise ValueError(f"noise: {noise} must not be negative")
    module = bare(net)
    if in_loop and is_compiled(net):
        raise ValueError("in_loop: a compiled network has no place to look at each row; leave in_loop out, or compile")
    if in_loop and _world() > 1:
        raise ValueError("in_loop: each of several processes sees only its own rows; leave in_loop out")
    x, y = data
    optimizers = list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    device = next(module.parameters()).device
    examined = examine(module, select(x, slice(0, _SOME_ROWS), device), head)
    network = examined.network
    shared = [n for n, m in module.named_modules() if m is not examined.head and _shares(m, examined.head)]
    if shared:
        raise ValueError(f"head: '{examined.name}' shares its weights with '{shared[0]}', so it cannot train alone")
    if not any(trains(each, examined.head) for each in optimizers):
        raise ValueError(
            f"optimizer: none holds the parameters of the output layer '{examined.name}', which phase 2 trains and whose"
            " steps are counted; make it of net.parameters(), or give all of them in a list"
        )
    if rows_of(x) != len(y):
        raise ValueError(f"data: {rows_of(x)} rows of inputs and {len(y)} targets")
    chosen = Loss.of(loss, network.outputs, y)
    targets = chosen.targets(y, network.outputs)
    switch_step = int(switch * total_steps)
    base = run.variant_given == "base"
    identity = b""
    if isinstance(x, torch.Tensor) and y.ndim == 1:
        identity = data_sha256(x.detach().cpu().float().numpy(), y.detach().cpu().numpy(), network.outputs)
    inputs = x[0].numel() if isinstance(x, torch.Tensor) else 0
    run.describe(
        network,
        DataSet(run.data_set.name, len(y), run.data_set.test_rows, inputs, network.outputs, identity),
        Training(
            "+".join(type(each).__name__ for each in optimizers),
            described(optimizers),
            chosen.kind,
            total_steps,
            switch_step=None if base else switch_step,
            switch_fraction=switch,
            noise=noise,
            verdict_timeout=verdict_timeout,
            every_steps=every,
        ),
    )
    run.begin()
    return TwoPhase(
        run, net, module, examined.head, optimizers, x, y, targets, chosen, total_steps, switch_step, noise, batch_size, in_loop,
        every, verdict_timeout, autocast, network.analytic, base,
    )


def _shares(module: Any, head: Any) -> bool:
    own = {id(p) for p in head.parameters()}
    return any(id(p) in own for p in module.parameters(recurse=False))


def _world() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_world_size())
    return 1


class TwoPhase:
    """The two phases of one run; made by :func:`two_phase`.

    Use it as ``for xb, yb in tp.batches(loader): …`` with one step of the optimiser for each batch, then ``tp.finish()``.
    """

    def __init__(
        self,
        run: Run,
        net: Any,
        module: Any,
        head: Any,
        optimizers: Sequence[Any],
        x: Any,
        y: Any,
        targets: Any,
        loss: Loss,
        total_steps: int,
        switch_step: int,
        noise: float,
        batch_size: Optional[int],
        in_loop: bool,
        every: int,
        verdict_timeout: float,
        autocast: Optional[Any],
        analytic: Optional[bool],
        base: bool,
    ) -> None:
        self._run = run
        self._net = net
        self._module = module
        self._head = head
        self._optimizers = optimizers
        self._x = x
        self._y = y
        self._targets = targets
        self._loss = loss
        self._total_steps = total_steps
        self._switch_step = total_steps if base else switch_step
        self._base = base
        self._noise = noise
        self._batch_size = batch_size
        self._in_loop = in_loop and not base
        self._every = every
        self._verdict_timeout = verdict_timeout
        self._analytic = analytic
        self._capture: Optional[Capture] = None
        self._autocast = autocast
        self._compiled = is_compiled(net)
        self._order: Optional[RowOrder] = None
        self._features: Optional[Any] = None
        self._sent: Optional["np.ndarray[Any, Any]"] = None
        self._finished = False
        self._frozen: List[Any] = []
        self._hooks: List[Any] = []
        self._steps = Steps(run, module, head, self._after)

    @property
    def step(self) -> int:
        """Steps done."""
        return self._steps.step

    @property
    def witness_step(self) -> int:
        """The step of the features that count: the switch's, or for a base run the last one's."""
        return self._switch_step

    @property
    def features(self) -> Optional["np.ndarray[Any, Any]"]:
        """The witness: the features that phase 2 trains on, n × m_H; None before the switch.

        Those of bfloat16, which NumPy does not have, come as the same numbers in float32.
        """
        features = self._features
        if features is None:
            return None
        array: "np.ndarray[Any, Any]" = to_numpy(features.float() if features.dtype == torch.bfloat16 else features)
        return array

    # Phase 1.

    def batches(self, loader: Any) -> Iterator[Any]:
        """Yields the loader's batches, epoch after epoch, until phase 1 is over (with ``in_loop``: both phases).

        Phase 2 goes on with the same order of rows where the loader is a ``torch.utils.data.DataLoader`` with a batch sampler.

        Args:
            loader: yields batches; its data set has the rows of ``data`` in the same order.

        Raises:
            ValueError: if its data set has another number of rows, or its batches do not fit ``in_loop``.
        """
        source = RowOrder(loader, rows_of(self._x), self._order_seed(), self._batch_size)
        capture = self._prepare(source.batch_size)
        if self._in_loop and (source.short or source.batch_size != capture.batch_size):
            raise ValueError(
                f"in_loop: the last batch of {rows_of(self._x)} rows in batches of {source.batch_size} is short, and short"
                " batches give other bits; use drop_last=True, or leave in_loop out"
            )
        self._order = source
        end = self._total_steps if self._in_loop else self._switch_step
        while self.step < end and not self._run.stopped:
            if self._in_loop and self.step >= self._switch_step and self._features is None:
                self._switch()
            yield source.next_batch()

    def _prepare(self, batch_size: int) -> Capture:
        if self._capture is None:
            self._capture = Capture(self._module, self._head, self._x, batch_size)
            self._batch_size = batch_size
            if self._autocast is not None:
                self._capture.autocast = self._autocast
            elif not self._compiled:
                self._capture.observe_autocast()
        return self._capture

    def _after(self, step: int) -> None:
        if self._every and step % self._every == 0 and step < self._switch_step and self._capture is not None:
            if not self._run.active:
                return
            if self._sent is not None and self._run.sending(self._sent):
                self._run.warn("busy", "features are due before those before them are sent; some are left out")
                return
            self._sent = self._capture.send(self._run, step, self._capture.take())

    # The switch.

    def _switch(self) -> None:
        capture = self._prepare(self._batch_size or 64)
        self._agree()
        self._perturb()
        self._freeze()
        features = capture.take()
        self._features = features
        at = self.step
        run = self._run
        run.begin_phase_two(at)
        host = capture.send(run, at, features, witness=True)
        guarantee = self._judge(at, host)
        if guarantee.statement == "NONE":
            run.warn("guarantee", f"no guarantee: {guarantee.reason}")
        run.state_guarantee(guarantee)
        if self._in_loop:
            self._watch_rows(features)

    def _judge(self, at: int, host: "np.ndarray[Any, Any]") -> Guarantee:
        if not self._run.active:
            return Guarantee.none("another process reports this run", at)
        verdict = self._run.await_verdict(at, self._verdict_timeout)
        if self._head.bias is None:
            return Guarantee.none(
                "the output layer has no bias, and the certificate counts the column of ones that a bias gives", at
            )
        if not self._loss.known:
            return Guarantee.none("the infimum of this loss is not known", at)
        missing = self._run.missing(at) or f"no verdict on the witness came within {self._verdict_timeout:g} s"
        return Guarantee.of_witness(verdict, host, at, self._analytic, missing)

    def _agree(self) -> None:
        """All processes go on with the parameters and statistics of the first."""
        if _world() > 1:
            for tensor in [*self._module.parameters(), *self._module.buffers()]:
                torch.distributed.broadcast(tensor.detach(), 0)

    def _hidden(self) -> List[Any]:
        own = {id(p) for p in self._head.parameters()}
        return [p for p in self._module.parameters() if id(p) not in own]

    def _perturb(self) -> None:
        generator = torch.Generator().manual_seed(self._order_seed())
        with torch.no_grad():
            for parameter in self._hidden():
                if parameter.requires_grad:
                    drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
                    parameter.add_((self._noise * drawn).to(parameter.device, parameter.dtype))

    def _freeze(self) -> None:
        for parameter in self._hidden():
            if parameter.requires_grad:
                parameter.requires_grad_(False)
                self._frozen.append(parameter)
            parameter.grad = None
        self._module.eval()
        for group in self._groups():
            if "weight_decay" in group:
                group["weight_decay"] = 0.0 if not torch.is_tensor(group["weight_decay"]) else group["weight_decay"] * 0

    def _groups(self) -> Iterator[Dict[str, Any]]:
        for optimizer in self._optimizers:
            yield from optimizer.param_groups

    def _order_seed(self) -> int:
        return int(self._run.seed) & 0x7FFFFFFFFFFFFFFF

    # Phase 2.

    def finish(self, *, each_step: Optional[Callback] = None, each_epoch: Optional[Callback] = None) -> Guarantee:
        """Trains the output layer on the cached features for the steps that are left, and says what is guaranteed.

        Args:
            each_step: called after each step, such as ``scheduler.step``.
            each_epoch: called after each pass over the rows.

        Returns:
            The guarantee, with the optimality gap at the end; for a base run that there is none.
        """
        if self._finished:
            return self._run.guarantee or Guarantee.none("the run trained all layers in all steps")
        self._finished = True
        if self._base:
            self._steps.close()
            self._send_last()
            return Guarantee.none("the run trained all layers in all steps")
        if self._features is None and not self._run.stopped:
            self._switch()
        if not self._in_loop and not self._run.stopped:
            self._train_head(each_step or _nothing, each_epoch or _nothing)
        return self._conclude()

    def _send_last(self) -> None:
        """The features at the end of a base run, to compare with."""
        if self._capture is not None and self._run.active:
            self._capture.send(self._run, self.step, self._capture.take())

    def _train_head(self, each_step: Callback, each_epoch: Callback) -> None:
        features = self._features
        assert features is not None
        order = self._order or RowOrder(None, rows_of(self._x), self._order_seed(), self._batch_size)
        head = self._head
        targets = self._targets.to(features.device)
        holding = [each for each in self._optimizers if trains(each, head)]
        while self.step < self._total_steps and not self._run.stopped:
            rows, epoch_over = order.next_rows(_world())
            batch = features[rows].to(head.weight.dtype)
            expected = targets[rows]
            losses: List[Any] = []

            def closure() -> Any:
                for optimizer in holding:
                    optimizer.zero_grad()
                with torch.enable_grad():
                    value = self._loss.value(head(batch), expected)
                    value.backward()
                losses.append(value.detach())
                return value

            before = self.step
            for index, optimizer in enumerate(holding):
                if index == 0 and not isinstance(optimizer, torch.optim.LBFGS):
                    closure()
                optimizer.step(closure) if isinstance(optimizer, torch.optim.LBFGS) else optimizer.step()
            if self.step == before:
                self._steps.step += 1
            each_step()
            self._run.log(loss=losses[0], epoch=self.step * len(rows) / len(targets))
            if epoch_over:
                each_epoch()
                if self.step < self._total_steps:
                    self._log_training()

    def _outputs(self) -> Any:
        """Outputs for all rows in float64, from the features as certified."""
        assert self._features is not None
        head, parts = self._head, []
        weight = head.weight.detach().double()
        for part in self._features.split(4096):
            outputs = part.double() @ weight.T
            parts.append(outputs if head.bias is None else outputs + head.bias.detach().double())
        return torch.cat(parts)

    def _log_training(self) -> None:
        if not self._run.active:
            return
        outputs = self._outputs()
        targets = self._targets.to(outputs.device)
        loss = self._loss.value(outputs, targets.double() if targets.is_floating_point() else targets)
        error = None
        if not self._y.is_floating_point():
            error = (outputs.argmax(1) != self._y.to(outputs.device)).double().mean()
        self._run.log(train_loss=loss, train_error=error)

    def _conclude(self) -> Guarantee:
        self._steps.close()
        for hook in self._hooks:
            hook.remove()
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        stated = self._run.guarantee or Guarantee.none("the run was stopped before the switch")
        if self._features is not None and self._run.active:
            self._log_training()
            if stated.statement != "NONE":
                stated = stated.concluded(self.step, self._loss_upper_bound())
        self._run.conclude_guarantee(stated)
        return stated

    def _loss_upper_bound(self) -> float:
        features = self._features
        assert features is not None
        if features.dtype in (torch.float16, torch.bfloat16):
            # Exact: every number of the smaller types is one of float32.
            features = features.float()
        return self._loss.upper_bound(
            features.detach().cpu().numpy(),
            self._head.weight.detach().cpu().double().numpy(),
            self._head.bias.detach().cpu().double().numpy(),
            self._targets.detach().cpu().numpy(),
        )

    # In the loop.

    def _watch_rows(self, certified: Any) -> None:
        known = KnownRows(certified)
        autocast = self._capture.autocast if self._capture is not None else None

        def hold_still(module: Any, inputs: Any) -> None:
            # A loop that calls net.train() for each epoch would thaw batch normalisation and dropout.
            if module.training:
                module.eval()

        def look(module: Any, inputs: Any) -> None:
            if not torch.is_grad_enabled() or (self._run.guarantee or Guarantee("NONE")).statement == "NONE":
                return
            if not known.has_all(as_multiplied(inputs[0].detach(), autocast)):
                reason = f"a row that phase 2 saw after step {self.step} is not a certified one"
                self._run.warn("guarantee", f"no guarantee: {reason}")
                self._run.state_guarantee(Guarantee.none(reason, self._switch_step))

        self._hooks = [
            self._module.register_forward_pre_hook(hold_still),
            self._head.register_forward_pre_hook(look),
        ]


def _nothing() -> None:
    pass

"""Monitoring alone: gradient norms and features of any training loop."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from fullrank.run import DataSet, Run, Training
from fullrank.torch.capture import Capture
from fullrank.torch.jacobian import JacobianProbe
from fullrank.torch.model import bare, examine, is_compiled, rows_of, select

# Rows on which a network is looked at.
_SOME_ROWS = 16


class Steps:
    """Counts a network's steps and tells the run its gradient norms, after each step of the optimiser.

    Args:
        net: the network.
        head: its output layer; the optimiser that trains it counts the steps.
        after: called after each step with the steps done.
    """

    def __init__(self, run: Run, net: Any, head: Any, after: Callable[[int], None]) -> None:
        self._run = run
        self._head = head
        self._after = after
        self._layers: Dict[str, List[Any]] = {}
        for name, module in net.named_modules():
            own = list(module.parameters(recurse=False))
            if own:
                self._layers[name or type(module).__name__] = own
        self._mine: Dict[int, bool] = {}
        self.step = run.step
        self._hook = register_optimizer_step_post_hook(self._stepped)

    def close(self) -> None:
        """Stops counting."""
        self._hook.remove()

    def _stepped(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._is_mine(optimizer):
            return
        self.step += 1
        try:
            self._run.observe(self.step, self._norms(), optimizer.param_groups[0].get("lr"))
            self._after(self.step)
        except Exception as e:  # noqa: BLE001 - training goes on, whatever happens here.
            self._run.warn("watch", f"watching failed at step {self.step}: {type(e).__name__}: {e}")

    def _is_mine(self, optimizer: Any) -> bool:
        known = self._mine.get(id(optimizer))
        if known is None:
            known = self._mine[id(optimizer)] = trains(optimizer, self._head)
        return known

    def _norms(self) -> Callable[[], Dict[str, float]]:
        gradients, layers = [], []
        for layer, parameters in self._layers.items():
            for parameter in parameters:
                if parameter.grad is not None and not parameter.grad.is_sparse:
                    gradients.append(parameter.grad)
                    layers.append(layer)
        if not gradients:
            return dict
        # A network may lie on several devices.
        norms = torch.stack([n.to(gradients[0].device, torch.float32) for n in torch._foreach_norm(gradients)])
        ready = None
        if norms.is_cuda:
            ready = torch.cuda.Event()
            ready.record()

        def read() -> Dict[str, float]:
            if ready is not None:
                ready.synchronize()
            squares: Dict[str, float] = {}
            for layer, norm in zip(layers, norms.tolist()):
                squares[layer] = squares.get(layer, 0.0) + norm * norm
            return {layer: square**0.5 for layer, square in squares.items()}

        return read


def trains(optimizer: Any, head: Any) -> bool:
    """Whether the optimiser is the one that trains the output layer; one parameter tells, so that two do not count twice."""
    first = next(head.parameters())
    return any(parameter is first for group in optimizer.param_groups for parameter in group["params"])


def described(optimizers: Sequence[Any]) -> Dict[str, str]:
    """An optimiser's settings, for people to read."""
    settings = {}
    for index, optimizer in enumerate(optimizers):
        prefix = "" if index == 0 else f"{index + 1}."
        for key, value in optimizer.param_groups[0].items():
            if key != "params" and value is not None:
                settings[prefix + key] = str(value)
    return settings


class Watch:
    """Sends the features every few steps; made by :func:`watch`."""

    def __init__(
        self, run: Run, net: Any, capture: Optional[Capture], head: Any, every: int, jacobian: Optional[JacobianProbe]
    ) -> None:
        self._jacobian = jacobian
        self._run = run
        self._capture = capture
        self._every = every
        self._buffer: Optional[Any] = None
        self._sent: Optional[Any] = None
        self._steps = Steps(run, net, head, self._after)

    @property
    def step(self) -> int:
        """Steps done."""
        return self._steps.step

    def send(self) -> None:
        """Sends the features as they are now; a failure is a warning."""
        if self._capture is None or not self._run.active:
            return
        if self._sent is not None and self._run.sending(self._sent):
            # The buffer is still needed, so the new features get one of their own.
            self._buffer = None
        try:
            self._buffer = self._capture.take(self._buffer)
            factors = None if self._jacobian is None else self._jacobian.take()
            self._sent = self._capture.send(self._run, self.step, self._buffer, factors=factors)
        except Exception as e:  # noqa: BLE001 - training goes on, whatever happens here.
            self._run.warn("watch", f"no features at step {self.step}: {type(e).__name__}: {e}")

    def close(self) -> None:
        """Stops watching."""
        self._steps.close()

    def _after(self, step: int) -> None:
        if self._every and step % self._every == 0:
            self.send()


def watch(
    run: Run,
    net: Any,
    *,
    data: Any,
    every: int = 0,
    optimizer: Any = None,
    batch_size: int = 64,
    head: Optional[Any] = None,
    loss: str = "external",
    total_steps: int = 0,
    autocast: Optional[Any] = None,
    jacobian: Optional[JacobianProbe] = None,
) -> Watch:
    """Watches a training loop and changes nothing of it: steps, gradient norms and learning rate; features to be certified.

    Args:
        run: the run to report to.
        net: the network; also one that is compiled or distributed.
        data: the training inputs, n rows: a tensor, or a tuple or dictionary of tensors.
        every: steps between features; 0 for those only that :meth:`Watch.send` sends.
        optimizer: one or a list, for their names and settings.
        batch_size: rows of a batch in training.
        head: the output layer; found where the network returns its outputs.
        loss: "cross-entropy", "squared" or "external".
        total_steps: T; 0 if not known.
        autocast: the type that autocast uses; found at the first training pass of a network that is not compiled.
        jacobian: takes factors of the Jacobian, which go with the features.

    Raises:
        ValueError: if the network has no linear output layer.
    """
    module = bare(net)
    optimizers = [] if optimizer is None else list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    device = next(module.parameters()).device
    examined = examine(module, select(data, slice(0, _SOME_ROWS), device), head)
    capture = Capture(module, examined.head, data, batch_size)
    if autocast is not None:
        capture.autocast = autocast
    elif not is_compiled(net):
        capture.observe_autocast()
    run.describe(
        examined.network,
        DataSet(run.data_set.name, rows_of(data), classes=examined.network.outputs),
        Training(
            "+".join(type(each).__name__ for each in optimizers),
            {**described(optimizers), "batch size": str(batch_size)},
            loss,
            total_steps,
            every_steps=every,
        ),
    )
    run.begin()
    return Watch(run, module, capture, examined.head, every, jacobian)

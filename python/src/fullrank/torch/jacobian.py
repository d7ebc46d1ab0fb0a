"""Factors of the Jacobian, by hooks and one backward pass for each output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F

from fullrank.factors import Convolution, Factors, LayerFactors
from fullrank.torch.model import bare, call, logits, rows_of, select, undisturbed

# Rows of the Jacobian that a probe has if it is not told how many examples to take.
_ROWS = 10_000


@dataclass(frozen=True)
class _Part:
    """Of one batch; by layer, what is of a layer.

    Attributes:
        loss: sum over the batch.
        gradient: of that sum, in each parameter of the layers.
    """

    inputs: Dict[str, Any]
    output_gradients: Dict[str, Any]
    loss_gradients: Any
    loss: float
    gradient: List[Any]


class JacobianProbe:
    """Takes the factors of the Jacobian of some training examples' outputs, for the check "tangent-kernel".

    Args:
        net: the network; its outputs are n × K.
        x: the training inputs: a tensor, or a tuple or dictionary of tensors.
        y: the targets: labels for "cross-entropy", n × K for "squared".
        loss: "cross-entropy" or "squared" (half the squared distance), the mean over the rows.
        layers: names of torch.nn.Linear and torch.nn.Conv2d modules; the cheapest one with enough parameters if None, or all
            of them where there is none.
        examples: how many, spread evenly over the rows; as many as give 10,000 rows of the Jacobian if None.
        batch_size: examples of a pass.

    Raises:
        ValueError: if a layer is none of these, or has padding that is not of zeros.
    """

    def __init__(
        self,
        net: Any,
        x: Any,
        y: Any,
        *,
        loss: str = "cross-entropy",
        layers: Optional[Sequence[str]] = None,
        examples: Optional[int] = None,
        batch_size: int = 64,
    ) -> None:
        if loss not in _LOSSES:
            raise ValueError(f"loss: '{loss}' is none of {', '.join(_LOSSES)}")
        self._net = bare(net)
        self._loss = _LOSSES[loss]
        self._batch_size = batch_size
        self._device = next(self._net.parameters()).device
        found = {
            name: module
            for name, module in self._net.named_modules()
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))
        }
        for given in layers or ():
            if given not in found:
                raise ValueError(
                    f"layers: '{given}' is no torch.nn.Linear or Conv2d of this network; there are {', '.join(found)}"
                )
        rows = rows_of(x)
        with undisturbed(self._net):
            outputs = logits(call(self._net, select(x, slice(0, 1), self._device))).shape[1]
        count = min(rows, max(1, _ROWS // outputs) if examples is None else examples)
        chosen = torch.arange(count) * rows // count
        self._x, self._y = select(x, chosen, "cpu"), y[chosen]
        self._geometry = {name: _geometry(name, found[name]) for name in (layers or found)}
        self._modules = {name: found[name] for name in self._geometry}
        if layers is None:
            cheapest = self._cheapest(count * outputs)
            if cheapest is not None:
                self._modules = {cheapest: found[cheapest]}

    @property
    def layers(self) -> List[str]:
        """Names of the layers."""
        return list(self._modules)

    def take(self) -> Factors:
        """The factors as the network is now, in evaluation mode; the network, its gradients and modes stay as they are."""
        parts = [self._part(at) for at in range(0, rows_of(self._x), self._batch_size)]
        count = rows_of(self._x)
        gradient = [sum(each) for each in zip(*(part.gradient for part in parts))]
        squares = sum(float((each.double() ** 2).sum()) for each in gradient)
        return Factors(
            [
                LayerFactors(
                    name,
                    torch.cat([part.inputs[name] for part in parts]).numpy(),
                    torch.cat([part.output_gradients[name] for part in parts]).numpy(),
                    module.bias is not None,
                    self._geometry[name],
                )
                for name, module in self._modules.items()
            ],
            torch.cat([part.loss_gradients for part in parts]).numpy(),
            sum(part.loss for part in parts) / count,
            squares**0.5 / count,
        )

    def _cheapest(self, rows: int) -> Optional[str]:
        """The layer that has as many parameters as the Jacobian has rows, and the fewest numbers to send."""
        part = self._part(0)
        costs: Dict[str, int] = {}
        for name, module in self._modules.items():
            if sum(p.numel() for p in module.parameters()) >= rows:
                costs[name] = part.inputs[name][0].numel() + part.output_gradients[name][0].numel()
        return min(costs, key=lambda name: costs[name]) if costs else None

    def _part(self, at: int) -> "_Part":
        rows = slice(at, at + self._batch_size)
        x, y = select(self._x, rows, self._device), self._y[rows].to(self._device)
        inputs: Dict[str, Any] = {}
        shifts: Dict[str, Any] = {}

        def hook(name: str) -> Callable[[Any, Any, Any], Any]:
            def see(module: Any, args: Any, output: Any) -> Any:
                if name in inputs:
                    raise ValueError(f"layers: '{name}' is used more than once; leave it out")
                if output.ndim != (2 if self._geometry[name] is None else 4):
                    raise ValueError(f"layers: '{name}' gives {output.ndim} dimensions for a batch; leave it out")
                inputs[name] = args[0].detach().clone()
                # The derivative in what is added is that in the output, whatever happens to it in place.
                shifts[name] = torch.zeros_like(output, requires_grad=True)
                return output + shifts[name]

            return see

        parameters = [p for module in self._modules.values() for p in module.parameters()]
        wanted = [p.requires_grad for p in parameters]
        hooks = [module.register_forward_hook(hook(name)) for name, module in self._modules.items()]
        try:
            with undisturbed(self._net), torch.enable_grad():
                for parameter in parameters:
                    parameter.requires_grad_(True)
                outputs = logits(call(self._net, x))
                columns = [
                    torch.autograd.grad(outputs[:, k].sum(), list(shifts.values()), retain_graph=True)
                    for k in range(outputs.shape[1])
                ]
                detached = outputs.detach().requires_grad_(True)
                (loss_gradients,) = torch.autograd.grad(self._loss(detached, y), detached)
                loss = self._loss(outputs, y)
                gradient = torch.autograd.grad(loss, parameters)
        finally:
            for each in hooks:
                each.remove()
            for parameter, before in zip(parameters, wanted):
                parameter.requires_grad_(before)
        deltas = {name: torch.stack([column[i] for column in columns], 1) for i, name in enumerate(shifts)}
        return _Part(
            {name: _host(each) for name, each in inputs.items()},
            {name: _host(each) for name, each in deltas.items()},
            _host(loss_gradients),
            float(loss.detach()),
            [_host(each) for each in gradient],
        )


def _squared(outputs: Any, targets: Any) -> Any:
    if targets.ndim == 1:
        targets = F.one_hot(targets, outputs.shape[1])
    return ((outputs - targets) ** 2).sum() / 2


def _cross_entropy(outputs: Any, targets: Any) -> Any:
    return F.cross_entropy(outputs, targets, reduction="sum")


# Sums over the rows.
_LOSSES = {"cross-entropy": _cross_entropy, "squared": _squared}


def _host(tensor: Any) -> Any:
    return tensor.detach().to("cpu", torch.float64 if tensor.dtype == torch.float64 else torch.float32)


def _geometry(name: str, module: Any) -> Optional[Convolution]:
    if isinstance(module, torch.nn.Linear):
        return None
    if module.padding_mode != "zeros" or module.padding == "same":
        raise ValueError(f"layers: '{name}' has padding '{module.padding}' of {module.padding_mode}; give numbers, of zeros")
    padding: Union[str, Tuple[int, ...]] = (0, 0) if module.padding == "valid" else module.padding
    pairs = [(int(each[0]), int(each[1])) for each in (module.kernel_size, module.stride, padding, module.dilation)]
    return Convolution(pairs[0], pairs[1], pairs[2], pairs[3], module.groups)

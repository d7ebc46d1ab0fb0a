"""Features as the output layer gets them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, List, Optional

import numpy as np
import torch

from fullrank.factors import Factors
from fullrank.run import Run
from fullrank.torch.identical import IdenticalRows
from fullrank.torch.model import call, rows_of, select, undisturbed


def as_multiplied(features: Any, autocast: Optional[Any]) -> Any:
    """Features in the very numbers that the output layer multiplies.

    Args:
        features: n × m_H, as they come to the output layer.
        autocast: the type that autocast multiplies in; None without autocast.
    """
    if autocast is not None:
        return features.to(autocast)
    if features.is_cuda and features.dtype == torch.float32 and multiplies_in_tf32():
        return round_to_tf32(features)
    return features


def multiplies_in_tf32() -> bool:
    """Whether CUDA may round the factors of products of float32, by whichever of torch's settings."""
    # Since torch 2.9; where it is set, asking by the older name is an error.
    precision = getattr(torch.backends.cuda.matmul, "fp32_precision", None)
    if precision is None:
        return bool(torch.get_float32_matmul_precision() != "highest")
    return bool(precision == "tf32")


def round_to_tf32(features: Any) -> Any:
    """The nearest floats with 10 bits after the point, ties to even, as tensor cores multiply them."""
    bits = features.view(torch.int32)
    return ((bits + 0x0FFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


class Capture:
    """Computes the features of all rows, in batches of the size that training has: other sizes give other bits.

    Args:
        net: the network, see :func:`fullrank.torch.model.bare`.
        head: its output layer.
        x: the training inputs, n rows.
        batch_size: rows of a batch in training.
    """

    def __init__(self, net: Any, head: Any, x: Any, batch_size: int) -> None:
        self._net = net
        self._head = head
        self._x = x
        self.rows = rows_of(x)
        self.batch_size = min(batch_size, self.rows)
        self.autocast: Optional[Any] = None

    def observe_autocast(self) -> None:
        """Looks, at the output layer's next call in training, whether it uses autocast, and in which type."""
        kind = self._head.weight.device.type

        def look(module: Any, inputs: Any) -> None:
            # An evaluation before the first step says nothing of training.
            if not (torch.is_grad_enabled() and module.training):
                return
            hook.remove()
            if torch.is_autocast_enabled() if kind == "cuda" else torch.is_autocast_cpu_enabled():
                self.autocast = torch.get_autocast_gpu_dtype() if kind == "cuda" else torch.get_autocast_cpu_dtype()

        hook = self._head.register_forward_pre_hook(look)

    def take(self, into: Optional[Any] = None) -> Any:
        """The features of all rows, in order.

        Args:
            into: (output) n × m_H, on any device, in the type that the output layer multiplies in; made if None.

        Returns:
            That tensor.
        """
        # Where the inputs go; the output layer may lie on another device.
        device = next(self._net.parameters()).device
        grabbed: List[Any] = []
        hook = self._head.register_forward_pre_hook(lambda module, inputs: grabbed.append(inputs[0]))
        try:
            with undisturbed(self._net):
                for start in range(0, self.rows, self.batch_size):
                    # The last batch has as many rows as the others: some of those before it once more.
                    first = min(start, self.rows - self.batch_size)
                    self._evaluate(select(self._x, slice(first, first + self.batch_size), device))
                    features = as_multiplied(grabbed.pop(), self.autocast)
                    if into is None:
                        into = torch.empty(self.rows, features.shape[1], dtype=features.dtype, device=features.device)
                    into[start : first + self.batch_size] = features[start - first :]
        finally:
            hook.remove()
        return into

    def send(
        self, run: Run, step: int, features: Any, *, witness: bool = False, factors: Optional[Factors] = None
    ) -> "np.ndarray[Any, Any]":
        """Sends features of :meth:`take`, which must stay as they are until then; see :meth:`fullrank.Run.sending`.

        Args:
            run: the run to report to.
            step: steps done.
            features: n × m_H.
            witness: whether phase 2 builds on them.
            factors: of the Jacobian, taken at the same step.

        Returns:
            The features on the host, as sent.
        """
        host: "np.ndarray[Any, Any]" = to_numpy(features)
        half = features.dtype == torch.bfloat16
        flaw = self._flaw(host) if run.active else ""
        run.features(step, host, witness=witness, bfloat16=half, copy=False, flaw=flaw, factors=factors)
        return host

    def _flaw(self, host: "np.ndarray[Any, Any]") -> str:
        rows = IdenticalRows.of(host)
        if rows is None:
            return ""
        # Now, as the network is another one after the next step.
        with undisturbed(self._net):
            return rows.explain(self._net, self._x, self.batch_size, self._evaluate)

    def _evaluate(self, x: Any) -> None:
        kind = self._head.weight.device.type
        with nullcontext() if self.autocast is None else torch.autocast(kind, self.autocast):
            call(self._net, x)


def to_numpy(features: Any) -> Any:
    """The same entries on the host, without a copy where they lie there; those of bfloat16 as uint16 of their bits."""
    host = features.detach().cpu()
    if host.dtype == torch.bfloat16:
        return host.view(torch.int16).numpy().view("uint16")
    return host.numpy()

"""Factors of the Jacobian of a network's outputs in the parameters of some layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from fullrank import wire

_TYPES = {np.dtype("float16"): "DATA_TYPE_FLOAT16", np.dtype("float32"): "DATA_TYPE_FLOAT32", np.dtype("float64"): "DATA_TYPE_FLOAT64"}

Array = Any
"""A numpy array."""


@dataclass(frozen=True)
class Convolution:
    """A cross-correlation in two dimensions, rows before columns; padding is of zeros, on each side."""

    kernel: Tuple[int, int]
    stride: Tuple[int, int] = (1, 1)
    padding: Tuple[int, int] = (0, 0)
    dilation: Tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class LayerFactors:
    """What the Jacobian in a layer's parameters consists of.

    Attributes:
        layer: its name.
        inputs: a, n × inputs; of a convolution n × channels × height × width.
        output_gradients: δ = ∂f/∂z, n × K × outputs; of a convolution n × K × channels × height × width.
        bias: whether the layer has one.
        convolution: None for a linear layer z = W a + b.
    """

    layer: str
    inputs: Array
    output_gradients: Array
    bias: bool = True
    convolution: Optional[Convolution] = None


@dataclass(frozen=True)
class Factors:
    """Factors of the Jacobian of the outputs of n training examples, K each, in the parameters of some layers.

    Attributes:
        layers: of at least one.
        loss_gradients: ∂ℓ/∂f of each example, n × K; None if no bound on the gradient is wanted.
        loss: mean over the examples.
        gradient_norm: Euclidean norm of its gradient in the parameters of these layers, as measured.
    """

    layers: Sequence[LayerFactors]
    loss_gradients: Optional[Array] = None
    loss: Optional[float] = None
    gradient_norm: Optional[float] = None

    def misfit(self, outputs: int) -> str:
        """What is wrong with shapes, types or numbers; empty if nothing is.

        Args:
            outputs: K, as described.
        """
        if not self.layers:
            return "factors: of no layer"
        examples = len(self.layers[0].inputs)
        for each in self.layers:
            ends = 3 if each.convolution else 1
            for what, array, begin in (
                ("inputs", each.inputs, (examples,)),
                ("output_gradients", each.output_gradients, (examples, outputs)),
            ):
                wrong = _misfit(array, begin, len(begin) + ends)
                if wrong:
                    return f"factors: {what} of layer '{each.layer}': {wrong}"
        if self.loss_gradients is not None:
            wrong = _misfit(self.loss_gradients, (examples, outputs), 2)
            if wrong:
                return f"factors: loss_gradients: {wrong}"
        return ""

    def arrays(self) -> List[Array]:
        """What follows the message in pieces, in order."""
        return [
            np.ascontiguousarray(array) for each in self.layers for array in (each.inputs, each.output_gradients)
        ]

    def write(self, message: Any) -> None:
        """Fills in the message of the contract, without the layers' data."""
        for each in self.layers:
            layer = message.layers.add(layer=each.layer, bias=each.bias)
            _announce(layer.inputs, each.inputs)
            _announce(layer.output_gradients, each.output_gradients)
            if each.convolution is not None:
                for key in ("kernel", "stride", "padding", "dilation"):
                    rows, columns = getattr(each.convolution, key)
                    setattr(layer.convolution, f"{key}_rows", rows)
                    setattr(layer.convolution, f"{key}_columns", columns)
                layer.convolution.groups = each.convolution.groups
        if self.loss_gradients is not None:
            _announce(message.loss_gradients, self.loss_gradients)
            message.loss_gradients.data = np.ascontiguousarray(self.loss_gradients).tobytes()
        if self.loss is not None:
            message.loss = self.loss
        if self.gradient_norm is not None:
            message.gradient_norm = self.gradient_norm


def _misfit(array: Array, begin: Tuple[int, ...], dimensions: int) -> str:
    shape = "×".join(map(str, array.shape))
    if array.dtype not in _TYPES:
        return f"{array.dtype} is none of float16, float32 and float64 in this machine's byte order"
    if array.ndim != dimensions or array.shape[: len(begin)] != begin or 0 in array.shape:
        return f"{shape}, must have {dimensions} dimensions and begin with {'×'.join(map(str, begin))}"
    if not bool(np.isfinite(array).all()):
        return "has entries that are not finite"
    return ""


def _announce(tensor: Any, array: Array) -> None:
    tensor.type = wire.number("DataType", _TYPES[array.dtype])
    tensor.shape.extend(array.shape)

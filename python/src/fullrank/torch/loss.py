"""The losses whose infimum is known, so that something is guaranteed of phase 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Union

import torch
import torch.nn.functional as functional

from fullrank.guarantee import cross_entropy_upper_bound, squared_upper_bound


@dataclass(frozen=True)
class Loss:
    """The mean loss of a batch.

    Attributes:
        kind: "cross-entropy", "squared" or "external".
        value: of outputs, B × K, and targets; a tensor with one entry.
        scale: times this number is the value what the kind says; MSELoss is the squared loss times 2/K.
    """

    kind: str
    value: Callable[[Any, Any], Any]
    scale: float = 1.0

    @property
    def known(self) -> bool:
        """Whether its infimum is known to be 0."""
        return self.kind != "external"

    def upper_bound(self, features: Any, weight: Any, bias: Any, targets: Any) -> float:
        """An upper bound on the exact mean loss over all rows; arrays as in :mod:`fullrank.guarantee`."""
        if self.kind == "cross-entropy":
            return cross_entropy_upper_bound(features, weight, bias, targets)
        # The scale is 1, or 2/K rounded once; a product rounded once more.
        return squared_upper_bound(features, weight, bias, targets) * self.scale * (1 + 2.0**-50)

    def targets(self, y: Any, outputs: int) -> Any:
        """The targets as this loss takes them: labels, or n × K numbers for the squared loss."""
        if self.kind != "squared" or y.ndim == 2:
            return y
        if y.is_floating_point():
            return y[:, None]
        return functional.one_hot(y, outputs).float()

    @staticmethod
    def of(loss: Union[str, Callable[[Any, Any], Any]], outputs: int) -> "Loss":
        """The loss that a program uses.

        Args:
            loss: "cross-entropy", "squared" (half the squared distance, mean over the rows), or what is called with outputs
                and targets, such as ``torch.nn.CrossEntropyLoss()``.
            outputs: K.

        Raises:
            ValueError: if it is none of these.
        """
        if loss == "cross-entropy":
            return Loss("cross-entropy", functional.cross_entropy)
        if loss == "squared":
            return Loss("squared", _squared)
        if isinstance(loss, str) or not callable(loss):
            raise ValueError(f"loss: {loss!r} is neither cross-entropy nor squared nor something to call")
        module: Any = loss
        plain = getattr(module, "reduction", "mean") == "mean" and getattr(module, "weight", None) is None
        smooth = getattr(module, "label_smoothing", 0) != 0
        if loss is functional.cross_entropy or (type(loss) is torch.nn.CrossEntropyLoss and plain and not smooth):
            return Loss("cross-entropy", loss)
        if loss is functional.mse_loss or (type(loss) is torch.nn.MSELoss and plain):
            return Loss("squared", loss, 2.0 / outputs)
        return Loss("external", loss)


def _squared(outputs: Any, targets: Any) -> Any:
    return (outputs - targets).square().sum(1).mean() / 2

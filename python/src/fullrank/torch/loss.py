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
        """The targets as this loss takes them: labels, or n × K numbers for the squared loss.

        Raises:
            ValueError: if the loss has no such targets.
        """
        if self.kind == "external":
            return y
        if y.ndim == 1 and not y.is_floating_point():
            if len(y) and not (0 <= int(y.min()) and int(y.max()) < outputs):
                raise ValueError(
                    f"data: labels from {int(y.min())} to {int(y.max())} for {outputs} outputs; they have to be 0 to"
                    f" {outputs - 1}"
                )
            return y if self.kind == "cross-entropy" else functional.one_hot(y, outputs).float()
        targets = y[:, None] if y.ndim == 1 else y
        if tuple(targets.shape[1:]) != (outputs,):
            shape = "×".join(map(str, y.shape))
            raise ValueError(f"data: targets of shape {shape} for {outputs} outputs; they have to be n×{outputs}")
        return targets

    @staticmethod
    def of(loss: Union[str, Callable[[Any, Any], Any]], outputs: int, y: Any) -> "Loss":
        """The loss that a program uses; cross-entropy with other targets than labels has another infimum than 0.

        Args:
            loss: "cross-entropy", "squared" (half the squared distance, mean over the rows), or what is called with outputs
                and targets, such as ``torch.nn.CrossEntropyLoss()``.
            outputs: K.
            y: the targets.

        Raises:
            ValueError: if it is none of these.
        """
        labels = y.ndim == 1 and not y.is_floating_point()
        if loss == "cross-entropy":
            return Loss("cross-entropy" if labels else "external", functional.cross_entropy)
        if loss == "squared":
            return Loss("squared", _squared)
        if isinstance(loss, str) or not callable(loss):
            raise ValueError(f"loss: {loss!r} is neither cross-entropy nor squared nor something to call")
        module: Any = loss
        plain = getattr(module, "reduction", "mean") == "mean" and getattr(module, "weight", None) is None
        # A class that is ignored is a mean over other rows; labels below 0 are refused as they are.
        plain = plain and getattr(module, "ignore_index", -1) < 0
        smooth = getattr(module, "label_smoothing", 0) != 0
        if loss is functional.cross_entropy or (type(loss) is torch.nn.CrossEntropyLoss and plain and not smooth):
            return Loss("cross-entropy" if labels else "external", loss)
        if loss is functional.mse_loss or (type(loss) is torch.nn.MSELoss and plain):
            return Loss("squared", loss, 2.0 / outputs)
        return Loss("external", loss)


def _squared(outputs: Any, targets: Any) -> Any:
    return (outputs - targets).square().sum(1).mean() / 2

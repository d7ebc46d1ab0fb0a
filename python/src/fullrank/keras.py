"""A callback for Keras, with any of its backends."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional

import keras
import numpy as np

from fullrank.run import DataSet, Layer, Network, Run, Training

__all__ = ["KerasCallback"]

# Activations by the names of keras.activations; "linear" adds nothing.
_ANALYTIC = {"linear", "softplus", "tanh", "sigmoid", "gelu", "silu", "swish", "mish", "softmax", "exponential"}


class KerasCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches ``model.fit(…, callbacks=[KerasCallback(run, data=x)])``.

    Reported are the steps, and after each epoch the losses and, where the metric ``accuracy`` is measured, the errors of
    training and validation set.

    Args:
        run: the run to report to; it ends with the training.
        data: the training inputs, n rows.
        every: epochs between features; 0 for those at the end alone.
        features: the layer whose outputs are the features; the one before the last if not given.
        batch_size: rows of a batch in training.
        loss: "cross-entropy", "squared" or "external".
    """

    def __init__(
        self,
        run: Run,
        *,
        data: Any,
        every: int = 0,
        features: Optional[Any] = None,
        batch_size: int = 32,
        loss: str = "external",
    ) -> None:
        super().__init__()
        self._run = run
        self._data = data
        self._every = every
        self._layer = features
        self._batch_size = batch_size
        self._loss = loss
        self._step = 0
        self._epoch = 0
        self._last_sent = -1
        self._body: Any = None

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Describes the network."""
        model = self.model
        layer = self._layer if self._layer is not None else model.layers[-2]
        self._body = keras.Model(model.inputs, layer.output)
        rows = len(self._data)
        below: List[Any] = model.layers[: model.layers.index(layer) + 1]
        names = [_activation(each) for each in below]
        odd = sorted({name for name in names if name not in _ANALYTIC})
        known = all(_kind(each) in _LINEAR for each in below)
        optimizer = model.optimizer
        steps = int(self.params.get("steps") or 0) * int(self.params.get("epochs") or 0)
        self._run.describe(
            Network(
                f"keras {keras.__version__} on {keras.backend.backend()}",
                model.name,
                [Layer(each.name, _kind(each), each.count_params()) for each in model.layers if each.count_params()],
                int(math.prod(layer.output.shape[1:])),
                int(model.outputs[0].shape[-1]),
                False if odd else True if known else None,
                odd,
            ),
            DataSet(self._run.data_set.name, rows, classes=int(model.outputs[0].shape[-1])),
            Training(
                type(optimizer).__name__,
                {key: str(value) for key, value in optimizer.get_config().items() if value is not None},
                self._loss,
                steps,
                int(self.params.get("epochs") or 0),
            ),
        )
        self._run.begin()

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Reports a step; the loss that Keras tells is the mean over the epoch so far."""
        self._step += 1
        steps = int(self.params.get("steps") or 0)
        self._run.log(step=self._step, epoch=self._epoch + (batch + 1) / steps if steps else 0.0)
        if self._run.stopped:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Reports losses and errors, and sends the features where they are due."""
        logs = logs or {}
        self._epoch = epoch + 1
        accuracy, test_accuracy = logs.get("accuracy"), logs.get("val_accuracy")
        self._run.log(
            step=self._step,
            epoch=self._epoch,
            train_loss=logs.get("loss"),
            train_error=None if accuracy is None else 1 - accuracy,
            test_loss=logs.get("val_loss"),
            test_error=None if test_accuracy is None else 1 - test_accuracy,
        )
        if self._every and self._epoch % self._every == 0:
            self._send()

    def on_train_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Sends the features as they are at the end, and ends the run."""
        self._send()
        self._run.end(verdict_of=self._step)

    def _send(self) -> None:
        if self._last_sent == self._step or not self._run.active:
            return
        self._last_sent = self._step
        try:
            features = self._body.predict(self._data, batch_size=self._batch_size, verbose=0)
            self._run.features(self._step, np.asarray(features).reshape(len(features), -1))
        except Exception as e:  # noqa: BLE001 - training goes on, whatever happens here.
            self._run.warn("watch", f"no features at step {self._step}: {type(e).__name__}: {e}")


# Layers without an activation of their own that are analytic when they are not training.
_LINEAR = {
    "InputLayer", "Dense", "Conv1D", "Conv2D", "Conv3D", "BatchNormalization", "LayerNormalization", "Dropout", "Flatten",
    "Reshape", "Activation", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "Add", "Concatenate",
    "Embedding", "Rescaling",
}  # fmt: skip


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _activation(layer: Any) -> str:
    if _kind(layer) in ("ReLU", "LeakyReLU", "PReLU", "ELU", "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling2D"):
        return _kind(layer)
    return str(getattr(getattr(layer, "activation", None), "__name__", "linear"))

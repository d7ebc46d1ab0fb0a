"""A callback for Lightning, with either of its two names."""

from __future__ import annotations

import importlib.util
from typing import Any, Optional

from fullrank.run import Run
from fullrank.torch.watching import Watch, watch

if importlib.util.find_spec("lightning"):
    import lightning.pytorch as lightning
else:
    import pytorch_lightning as lightning


class LightningCallback(lightning.Callback):  # type: ignore[misc]
    """Watches a Lightning training and reports its metrics: ``Trainer(callbacks=[LightningCallback(run, data=x)])``.

    Reported as progress, where a module logs them under these names: ``loss`` or ``train_loss`` of a step; ``val_loss`` and
    ``test_loss``; ``val_error`` and ``test_error``, or one minus ``val_acc`` and ``test_acc``. Of several processes, the first
    one reports.

    Args:
        run: the run to report to; it ends with the fit.
        data: the training inputs, n rows, as the network takes them.
        every: steps between features; 0 for those at the end alone.
        batch_size: rows of a batch in training.
        net: finds the network in the module, whose ``forward`` it is otherwise.
        head: its output layer; found if not given.
        loss: "cross-entropy", "squared" or "external".
    """

    def __init__(
        self,
        run: Run,
        *,
        data: Any,
        every: int = 0,
        batch_size: int = 64,
        net: Optional[Any] = None,
        head: Optional[Any] = None,
        loss: str = "external",
    ) -> None:
        super().__init__()
        self._run = run
        self._data = data
        self._every = every
        self._batch_size = batch_size
        self._net = net
        self._head = head
        self._loss = loss
        self._watch: Optional[Watch] = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to watch."""
        # Asked by all processes, for it makes them load the data together.
        steps = trainer.estimated_stepping_batches
        if not trainer.is_global_zero:
            return
        self._watch = watch(
            self._run,
            pl_module if self._net is None else self._net,
            data=self._data,
            every=self._every,
            optimizer=trainer.optimizers,
            batch_size=self._batch_size,
            head=self._head,
            loss=self._loss,
            total_steps=0 if steps == float("inf") else max(0, int(steps)),
        )

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Reports a step."""
        if trainer.is_global_zero:
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            self._run.log(loss=loss, epoch=trainer.current_epoch + (batch_idx + 1) / max(1, trainer.num_training_batches))
        # The first process alone hears of it, and all have to stop at the same step.
        if trainer.strategy.reduce_boolean_decision(bool(self._run.stopped), all=False):
            trainer.should_stop = True

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Reports the metrics of the validation set as those of a test set."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        error = metrics.get("val_error", metrics.get("test_error"))
        accuracy = metrics.get("val_acc", metrics.get("test_acc"))
        if error is None and accuracy is not None:
            error = 1 - accuracy
        loss = metrics.get("val_loss", metrics.get("test_loss"))
        if error is not None or loss is not None:
            self._run.log(test_loss=loss, test_error=error, epoch=trainer.current_epoch + 1)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Sends the features as they are at the end, and ends the run."""
        if self._watch is not None:
            self._watch.send()
            self._watch.close()
            self._run.end(verdict_of=self._watch.step)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Ends the run as failed, or as cancelled by Ctrl-C."""
        if not trainer.is_global_zero:
            return
        state = "CANCELLED" if isinstance(exception, KeyboardInterrupt) else "FAILED"
        self._run.end(state=state, reason=f"{type(exception).__name__}: {exception}")

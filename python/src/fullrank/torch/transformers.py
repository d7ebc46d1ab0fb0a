"""A callback for the Trainer of Transformers."""

from __future__ import annotations

from typing import Any, Optional

import transformers

from fullrank.run import Run
from fullrank.torch.watching import Watch, watch


class TransformersCallback(transformers.TrainerCallback):  # type: ignore[misc]
    """Watches a training: ``Trainer(…, callbacks=[TransformersCallback(run, data=…)])``.

    Reported are the loss that the trainer logs, ``eval_loss`` and ``eval_error``, or one minus ``eval_accuracy``.

    Args:
        run: the run to report to; it ends with the training.
        data: the training inputs, n rows, as keyword arguments of the network: a dictionary of tensors.
        every: steps between features; 0 for those at the end alone.
        head: the network's output layer; found if not given.
        loss: "cross-entropy", "squared" or "external".
    """

    def __init__(
        self, run: Run, *, data: Any, every: int = 0, head: Optional[Any] = None, loss: str = "cross-entropy"
    ) -> None:
        self._run = run
        self._data = data
        self._every = every
        self._head = head
        self._loss = loss
        self._watch: Optional[Watch] = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any) -> None:
        """Begins to watch."""
        self._watch = watch(
            self._run,
            model,
            data=self._data,
            every=self._every,
            optimizer=getattr(optimizer, "optimizer", optimizer),
            batch_size=args.train_batch_size,
            head=self._head,
            loss=self._loss,
            total_steps=state.max_steps,
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reports a step."""
        self._run.log(epoch=state.epoch or 0.0)
        if self._run.stopped:
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Reports the mean of the loss since the last time."""
        if logs and "loss" in logs:
            self._run.log(loss=logs["loss"], step=state.global_step, epoch=state.epoch or 0.0)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Reports the metrics of the evaluation set as those of a test set."""
        metrics = metrics or {}
        error = metrics.get("eval_error")
        if error is None and "eval_accuracy" in metrics:
            error = 1 - metrics["eval_accuracy"]
        self._run.log(
            test_loss=metrics.get("eval_loss"), test_error=error, step=state.global_step, epoch=state.epoch or 0.0
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Sends the features as they are at the end, and ends the run."""
        if self._watch is not None:
            self._watch.send()
            self._watch.close()
            self._run.end(verdict_of=self._watch.step)

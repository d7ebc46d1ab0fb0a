"""What is guaranteed of phase 2, in the words and by the formulas of the trainer: Kawaguchi and Sun (AAAI 2021)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np

from fullrank import wire

# What programs take from here; the package itself has the two classes.
__all__ = ["cross_entropy_upper_bound", "squared_upper_bound"]

_UNIT_ROUNDOFF = 2.0**-53

# What underflow can add to a product's norm, per 1 + the norm of the features.
_UNDERFLOW = 2.0**-900

_LIMIT = (
    "The features as computed have full rank, so training the output layer alone can bring the training loss as close "
    "as one likes to its infimum over all layers, and the optimality gap of any iterate is at most its training loss "
    "minus that infimum. Phase 2 uses the base algorithm's updates without weight decay; there is no bound for "
    "a given step."
)
_NOT_ANALYTIC = (
    " The activation is not real-analytic: this is about these hidden weights alone and says nothing about others."
)
_NOT_KNOWN = (
    " It is not known whether the network is real-analytic: this is about these hidden weights alone and says nothing"
    " about others."
)


@dataclass(frozen=True)
class Verdict:
    """What is proven about the features of one step.

    Attributes:
        step: steps done when the features were taken.
        outcome: CERTIFIED, REFUTED or UNDETERMINED.
        method: STRUCTURE, CHOLESKY, MODULAR or CARRY_OVER.
        rows: n.
        columns: m_H + 1, the column of ones included.
        sigma_min_lower_bound: proven lower bound on the smallest singular value; None if there is none.
        reason: one sentence: what was shown, or what is missing.
        features_sha256: of the features that the verdict is about.
        feature_source: CLIENT for features as computed by this program.
        witness: whether phase 2 builds on these features.
    """

    step: int
    outcome: str
    method: str
    rows: int
    columns: int
    sigma_min_lower_bound: Optional[float]
    reason: str
    features_sha256: bytes
    feature_source: str
    witness: bool

    @property
    def certified(self) -> bool:
        """Whether full row rank is proven."""
        return self.outcome == "CERTIFIED"

    @staticmethod
    def of(message: Any) -> "Verdict":
        """Reads the message of the contract."""
        certificate = message.certificate
        bound = certificate.sigma_min_lower_bound if certificate.HasField("sigma_min_lower_bound") else None
        return Verdict(
            message.step,
            wire.name("Outcome", certificate.outcome),
            wire.name("CertificateMethod", certificate.method),
            certificate.rows,
            certificate.columns,
            bound,
            certificate.reason,
            message.features_sha256,
            wire.name("FeatureSource", message.feature_source),
            message.witness,
        )


@dataclass(frozen=True)
class Guarantee:
    """What is guaranteed of phase 2.

    Attributes:
        statement: LIMIT, or NONE if nothing is guaranteed.
        text: the statement in words; empty for NONE.
        reason: why there is none; empty otherwise.
        from_step: the step of the switch.
        loss_infimum: infimum of the loss over all parameters of all layers.
        at_step: the step that the optimality gap is about; known at the end.
        optimality_gap: an upper bound, rounding included, on the training loss minus its infimum; known at the end.
    """

    statement: str
    text: str = ""
    reason: str = ""
    from_step: int = 0
    loss_infimum: float = 0.0
    at_step: int = 0
    optimality_gap: Optional[float] = None

    @staticmethod
    def none(reason: str, from_step: int = 0) -> "Guarantee":
        """No guarantee, and why."""
        return Guarantee("NONE", reason=reason, from_step=from_step)

    @staticmethod
    def limit(from_step: int, analytic: Optional[bool]) -> "Guarantee":
        """The guarantee of certified features.

        Args:
            from_step: the step of the switch.
            analytic: whether all operators below the output layer are real-analytic; None if not known.
        """
        scope = {True: "", False: _NOT_ANALYTIC, None: _NOT_KNOWN}[analytic]
        return Guarantee("LIMIT", text=_LIMIT + scope, from_step=from_step)

    @staticmethod
    def of_witness(
        verdict: Optional[Verdict],
        features: "np.ndarray[Any, Any]",
        from_step: int,
        analytic: Optional[bool],
        missing: str = "no verdict on the witness came in time",
    ) -> "Guarantee":
        """What follows for a loss with infimum 0 if phase 2 trains an output layer with bias on the features of a witness.

        Args:
            verdict: what came, if anything did.
            features: n × m_H, the very ones that phase 2 trains on, as they were sent.
            from_step: the step of the switch.
            analytic: whether all operators below the output layer are real-analytic; None if not known.
            missing: why there is no verdict.
        """
        if verdict is None:
            return Guarantee.none(missing, from_step)
        if not verdict.certified:
            return Guarantee.none(f"the witness is not certified but {verdict.outcome}: {verdict.reason}", from_step)
        sha256 = hashlib.sha256(np.ascontiguousarray(features).data).digest()
        if verdict.features_sha256 != sha256:
            return Guarantee.none(
                f"the verdict is about other features: SHA-256 {_shown(verdict.features_sha256)},"
                f" phase 2 trains on {_shown(sha256)}",
                from_step,
            )
        rows, columns = len(features), features.shape[1] + 1
        if (verdict.rows, verdict.columns) != (rows, columns):
            return Guarantee.none(
                f"the verdict is about a {verdict.rows}×{verdict.columns} matrix, phase 2 trains on {rows}×{columns}",
                from_step,
            )
        return Guarantee.limit(from_step, analytic)

    def concluded(self, at_step: int, loss_upper_bound: float) -> "Guarantee":
        """The guarantee at the end, with the measured gap.

        Args:
            loss_upper_bound: an upper bound on the exact training loss at the step.
        """
        if self.statement == "NONE":
            return self
        return replace(self, at_step=at_step, optimality_gap=_up(loss_upper_bound - self.loss_infimum))

    def message(self) -> Any:
        """The message of the contract."""
        message = wire.Guarantee(
            statement=wire.number("GuaranteeStatement", "GUARANTEE_STATEMENT_" + self.statement),
            solver="base",
            text=self.text,
            reason=self.reason,
            from_step=self.from_step,
            at_step=self.at_step,
            loss_infimum=self.loss_infimum,
        )
        if self.optimality_gap is not None:
            message.optimality_gap = self.optimality_gap
        return message


def _shown(sha256: bytes) -> str:
    return sha256[:6].hex() + "…" if sha256 else "(none)"


def cross_entropy_upper_bound(
    features: "np.ndarray[Any, Any]",
    weight: "np.ndarray[Any, Any]",
    bias: "np.ndarray[Any, Any]",
    labels: "np.ndarray[Any, Any]",
) -> float:
    """An upper bound on the exact mean softmax cross-entropy of the output layer, rounding included.

    Computed in float64. With u = 2⁻⁵³ and δ_k = q_k − max q, exponentials and logarithms within 4 ulp are off by at most
    8u relatively, hence each computed e^{δ_k} by 8.5u + u/e, their sum by 1.001u(K² + 7.9K), and the loss ℓ by at most
    2u(K + 4)² + 12uℓ.

    Args:
        features: h, n × m_H floating-point numbers.
        weight: K × m_H.
        bias: K entries.
        labels: n of them, 0 to K − 1.
    """
    classes = len(bias)

    def losses(outputs: "np.ndarray[Any, Any]", rows: slice) -> "np.ndarray[Any, Any]":
        shifted = outputs - outputs.max(1, keepdims=True)
        own = shifted[np.arange(len(shifted)), labels[rows]]
        result: "np.ndarray[Any, Any]" = np.log(np.exp(shifted).sum(1)) - own
        return result

    absolute = 2 * _UNIT_ROUNDOFF * (classes + 4.0) ** 2
    return _upper_bound(features, weight, bias, losses, 0.5, absolute, 12 * _UNIT_ROUNDOFF)


def squared_upper_bound(
    features: "np.ndarray[Any, Any]",
    weight: "np.ndarray[Any, Any]",
    bias: "np.ndarray[Any, Any]",
    targets: "np.ndarray[Any, Any]",
) -> float:
    """An upper bound on the exact mean of ½‖q − y‖² of the output layer, rounding included.

    Computed in float64, as :func:`cross_entropy_upper_bound`; the difference is off by a factor 1 + u, its square by
    (1 + u)³, and the sum of K of them by 1 + γ_{K−1} more.

    Args:
        targets: y, n × K.
    """

    def losses(outputs: "np.ndarray[Any, Any]", rows: slice) -> "np.ndarray[Any, Any]":
        difference = outputs - targets[rows]
        result: "np.ndarray[Any, Any]" = (difference * difference).sum(1) / 2
        return result

    classes = len(bias)
    smallest_normal = 2.0**-1022
    return _upper_bound(features, weight, bias, losses, 1.0, smallest_normal * classes, _gamma(classes + 2))


def _upper_bound(
    features: "np.ndarray[Any, Any]",
    weight: "np.ndarray[Any, Any]",
    bias: "np.ndarray[Any, Any]",
    losses: Any,
    lipschitz: float,
    absolute: float,
    relative: float,
) -> float:
    """Bounds the mean loss L of exact outputs by that of computed ones.

    For a nonnegative loss with L_ℓ-Lipschitz gradient ‖∇ℓ‖² ≤ 2L_ℓℓ, hence √L(Z + E) ≤ √L(Z) + √(L_ℓ/(2n))‖E‖_F, and
    ‖fl(ΦV) − ΦV‖_F ≤ γ_c‖Φ‖_F‖V‖_F (Higham, Accuracy and Stability, section 3.5) in any order of summation.
    """
    weight = weight.astype(np.float64)
    bias = bias.astype(np.float64)
    n, width = features.shape
    total = 0.0
    squares = 0.0
    rows = max(1, (1 << 22) // max(1, width))
    for start in range(0, n, rows):
        part = slice(start, min(n, start + rows))
        block = features[part].astype(np.float64)
        total += float(losses(block @ weight.T + bias, part).sum())
        squares += float(np.vdot(block, block))
    if not math.isfinite(total):
        return math.inf
    norm = _norm(squares + n, n * (width + 1))
    v = _norm(float(np.vdot(weight, weight) + np.vdot(bias, bias)), weight.size + bias.size)
    error = _up(_up(_gamma(width + 1) * _up(norm * v)) + _UNDERFLOW * (1 + norm))
    mean = _up(total / n * _up(1 + 2 * _gamma(n)))
    at_outputs = _up(_up(mean + absolute) * _up(1 + 2 * relative))
    root = _up(_up(math.sqrt(at_outputs)) + _up(_up(math.sqrt(_up(lipschitz / 2 / n))) * error))
    return _up(root * root)


def _norm(squares: float, terms: int) -> float:
    """An upper bound on a Frobenius norm, from the computed sum of the squares of its entries."""
    return _up(math.sqrt(_up(_up(squares * _up(1 + 2 * _gamma(terms + 2))) + terms * 2.0**-1022)))


def _gamma(k: int) -> float:
    """γ_k = ku/(1 − ku), rounded up."""
    return _up(_up(k * _UNIT_ROUNDOFF) / (1 - 2 * k * _UNIT_ROUNDOFF))


def _up(value: float) -> float:
    return math.nextafter(value, math.inf)

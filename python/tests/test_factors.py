"""Factors of a Jacobian: they are those of torch.func.jacrev, and reach a server with the features."""

from __future__ import annotations

import hashlib
import unittest
from typing import Any, Dict, List

import numpy as np

from ingest import Server, until

try:
    import torch
except ImportError as e:
    raise unittest.SkipTest("torch is not installed") from e

import torch.nn as nn
import torch.nn.functional as F

import fullrank
import fullrank.torch as ft
from fullrank import wire


class Block(nn.Module):
    """A residual block whose activation works in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=2)

    def forward(self, x: Any) -> Any:
        return F.relu(x + self.conv(F.relu(self.norm(x))), inplace=True)


def pictures(bias: bool = True) -> nn.Module:
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Conv2d(1, 4, (3, 2), stride=2, padding=(0, 1), dilation=(2, 1), bias=bias), nn.ReLU(inplace=True),
        Block(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 3 * 5, 6, bias=bias), nn.Tanh(), nn.Linear(6, 3),
    )  # fmt: skip
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
    return net


def rows(count: int = 11) -> Any:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 1, 10, 8, generator=generator), torch.randint(0, 3, (count,), generator=generator)


def jacobian(factors: fullrank.LayerFactors, weight: Any) -> np.ndarray:
    """n × K × (weights, then biases), as the contract says what the factors mean."""
    a, delta = torch.from_numpy(factors.inputs), torch.from_numpy(factors.output_gradients)
    n, k = delta.shape[:2]
    if factors.convolution is None:
        weights, biases = torch.einsum("nko,ni->nkoi", delta, a), delta
    else:
        c = factors.convolution
        patches = F.unfold(a, c.kernel, c.dilation, c.padding, c.stride)
        positions = patches.shape[2]
        grouped = patches.reshape(n, c.groups, -1, positions)
        cut = delta.reshape(n, k, c.groups, delta.shape[2] // c.groups, positions)
        weights, biases = torch.einsum("nkgop,ngip->nkgoi", cut, grouped), delta.sum((3, 4))
    parts = [weights.reshape(n, k, weight.numel())]
    if factors.bias:
        parts.append(biases.reshape(n, k, -1))
    return torch.cat(parts, 2).numpy()


class JacobianTest(unittest.TestCase):
    def test_factors_are_those_of_the_jacobian_that_torch_computes(self) -> None:
        for bias in (True, False):
            with self.subTest(bias=bias):
                net, (x, y) = pictures(bias), rows()
                net.train()
                before = {name: p.clone() for name, p in net.state_dict().items()}
                layers = [name for name, m in net.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
                factors = ft.JacobianProbe(net, x, y, layers=layers, batch_size=4).take()

                self.assertTrue(net.training)
                for name, value in net.state_dict().items():
                    self.assertTrue(torch.equal(value, before[name]), name)
                self.assertTrue(all(p.grad is None and p.requires_grad for p in net.parameters()))
                self.assertEqual([each.layer for each in factors.layers], layers)
                net.eval()
                parameters = {name: p.detach() for name, p in net.named_parameters()}
                oracle = torch.func.jacrev(lambda p: torch.func.functional_call(net, p, (x,)))(parameters)
                for each in factors.layers:
                    weight = parameters[each.layer + ".weight"]
                    wanted = [oracle[each.layer + ".weight"].reshape(len(x), 3, -1)]
                    if each.bias:
                        wanted.append(oracle[each.layer + ".bias"])
                    np.testing.assert_allclose(
                        jacobian(each, weight), torch.cat(wanted, 2).numpy(), rtol=1e-4, atol=1e-6, err_msg=each.layer
                    )
                self._check_loss(net, x, y, layers, factors)

    def _check_loss(self, net: nn.Module, x: Any, y: Any, layers: List[str], factors: fullrank.Factors) -> None:
        chosen = [p for name in layers for p in net.get_submodule(name).parameters()]
        loss = F.cross_entropy(net(x), y)
        gradient = torch.autograd.grad(loss, chosen)
        norm = float(sum((each**2).sum() for each in gradient) ** 0.5)
        self.assertAlmostEqual(factors.loss, float(loss), places=5)
        self.assertAlmostEqual(factors.gradient_norm / norm, 1, places=4)
        softmax = torch.softmax(net(x), 1) - F.one_hot(y, 3)
        np.testing.assert_allclose(factors.loss_gradients, softmax.detach().numpy(), rtol=1e-4, atol=1e-6)

    def test_the_cheapest_layer_with_enough_parameters_and_examples_spread_over_the_rows(self) -> None:
        net, (x, y) = pictures(), rows(100)
        probe = ft.JacobianProbe(net, x, y, examples=10)
        # 30 rows: the first convolution's 28 parameters are too few, the second's 76 take more numbers than the head's input.
        self.assertEqual(probe.layers, ["5"])
        factors = probe.take()
        self.assertEqual(factors.layers[0].output_gradients.shape, (10, 3, 6))
        np.testing.assert_array_equal(factors.loss_gradients.shape, (10, 3))
        few = ft.JacobianProbe(net, x[::10], y[::10]).take()
        np.testing.assert_allclose(few.layers[0].inputs, factors.layers[0].inputs, rtol=1e-5, atol=1e-6)

    def test_frozen_layers_have_factors_and_stay_frozen(self) -> None:
        net, (x, y) = pictures(), rows()
        for p in net[0].parameters():
            p.requires_grad_(False)
        factors = ft.JacobianProbe(net, x, y, layers=["0"]).take()
        self.assertGreater(factors.gradient_norm, 0)
        self.assertFalse(any(p.requires_grad for p in net[0].parameters()))

    def test_layers_that_have_no_factors_are_refused(self) -> None:
        net, (x, y) = pictures(), rows()
        with self.assertRaisesRegex(ValueError, "layers: '2.norm' is no torch.nn.Linear or Conv2d"):
            ft.JacobianProbe(net, x, y, layers=["2.norm"])
        net[0].padding_mode = "circular"
        with self.assertRaisesRegex(ValueError, "layers: '0' has padding .* of circular"):
            ft.JacobianProbe(net, x, y, layers=["0"])
        shared = nn.Linear(4, 4)
        twice = nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(4, 3))
        with self.assertRaisesRegex(ValueError, "layers: '0' is used more than once"):
            ft.JacobianProbe(twice, torch.ones(5, 4), y[:5], layers=["0"]).take()


class SendingTest(unittest.TestCase):
    def test_factors_go_with_the_features(self) -> None:
        net, (x, y) = pictures(), rows()
        with Server() as server:
            run = fullrank.start("factors", server=server.address)
            watch = ft.watch(run, net, data=x, batch_size=8, jacobian=ft.JacobianProbe(net, x, y, layers=["0", "5"]))
            watch.send()
            self.assertTrue(run.end(verdict_of=0))
            (announced,) = server.records.of("snapshot")
            data = server.records.factors[0]
        self.assertEqual(hashlib.sha256(data).digest(), announced.factors_sha256)
        factors = announced.factors
        self.assertEqual([layer.layer for layer in factors.layers], ["0", "5"])
        self.assertEqual(list(factors.layers[0].inputs.shape), [11, 1, 10, 8])
        self.assertEqual(list(factors.layers[1].output_gradients.shape), [11, 3, 6])
        geometry = factors.layers[0].convolution
        self.assertEqual(
            (geometry.kernel_rows, geometry.kernel_columns, geometry.stride_rows, geometry.padding_rows,
             geometry.padding_columns, geometry.dilation_rows, geometry.groups),
            (3, 2, 2, 0, 1, 2, 1),
        )  # fmt: skip
        self.assertFalse(factors.layers[1].HasField("convolution"))
        self.assertEqual(len(factors.loss_gradients.data), 11 * 3 * 4)
        sizes = [np.prod(t.shape) * 4 for layer in factors.layers for t in (layer.inputs, layer.output_gradients)]
        self.assertEqual(len(data), sum(sizes))
        np.testing.assert_array_equal(np.frombuffer(data[: int(sizes[0])], "<f4").reshape(11, 1, 10, 8), x.numpy())

    def test_factors_that_do_not_fit_are_not_sent(self) -> None:
        net, (x, y) = pictures(), rows()
        factors = ft.JacobianProbe(net, x, y, layers=["5"]).take()
        layer = factors.layers[0]
        wrongs: Dict[str, fullrank.Factors] = {
            "of no layer": fullrank.Factors([]),
            "11×2×6, must have 3 dimensions and begin with 11×3": fullrank.Factors(
                [fullrank.LayerFactors("5", layer.inputs, layer.output_gradients[:, :2])]
            ),
            "not finite": fullrank.Factors([layer], np.full((11, 3), np.nan, "float32")),
        }
        for said, wrong in wrongs.items():
            with self.subTest(said), Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
                run = fullrank.start("factors", server=server.address)
                run.describe(fullrank.Network(last_hidden_width=6, outputs=3))
                run.features(1, np.ones((11, 6), "float32"), factors=wrong)
                self.assertIn(said, run.missing(1))
                self.assertTrue(any(said in line for line in logs.output))
                run.log(loss=1.0)
                self.assertTrue(run.end())
                self.assertEqual(server.records.of("snapshot"), [])
                self.assertTrue(until(lambda: len(server.records.of("result")) == 1))

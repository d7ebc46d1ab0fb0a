"""What there is to know of a PyTorch network: its output layer, its layers, and whether its operators are analytic."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Set, Tuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fullrank.run import Layer, Network

# Operators that are real-analytic functions of their floating-point arguments, or only move, copy or make entries. Names of
# ATen; softplus counts as what it stands for, since its linear part for large arguments is its rounding in float32.
_ANALYTIC = set(
    """
    _softmax _log_softmax _to_copy _unsafe_view add addmm addmv alias arange as_strided avg_pool1d avg_pool2d avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d baddbmm bmm cat clone constant_pad_nd contiguous conv1d
    conv2d conv3d convolution copy cos detach diagonal div dropout embedding empty empty_like erf exp expand fill flatten full
    full_like gelu index_select lift_fresh linear log1p masked_fill matmul mean mish mkldnn_convolution mul mv mm
    native_batch_norm _native_batch_norm_legit_no_training _native_batch_norm_legit cudnn_batch_norm _batch_norm_no_update
    native_group_norm native_layer_norm neg new_empty new_full new_ones new_zeros ones ones_like permute reciprocal
    _reshape_alias reshape rsqrt rsub _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu scalar_tensor select sigmoid silu sin sinh slice softplus split
    split_with_sizes square squeeze stack sub sum t tanh transpose unbind unsqueeze upsample_bilinear2d
    upsample_nearest2d view zeros zeros_like
    """.split()
)

_NOT_ANALYTIC = set(
    """
    abs amax amin argmax argmin ceil celu clamp clamp_max clamp_min elu floor fmod hardshrink hardsigmoid hardswish hardtanh
    leaky_relu max max_pool2d_with_indices max_pool3d_with_indices maximum min minimum _prelu_kernel prelu relu relu6 round
    rrelu_with_noise sgn sign softshrink sort threshold topk trunc where adaptive_max_pool2d adaptive_max_pool3d
    """.split()
)


def bare(net: Any) -> Any:
    """The module inside torch.compile, DistributedDataParallel and DataParallel."""
    while True:
        if hasattr(net, "_orig_mod"):
            net = net._orig_mod
        elif isinstance(net, (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)):
            net = net.module
        else:
            return net


def is_compiled(net: Any) -> bool:
    """Whether torch.compile is around it."""
    return hasattr(net, "_orig_mod") or hasattr(getattr(net, "module", None), "_orig_mod")


def rows_of(x: Any) -> int:
    """How many rows the inputs have: a tensor, or a tuple or dictionary of tensors with the same number of rows."""
    return len(tensors(x)[0])


def tensors(x: Any) -> List[Any]:
    """The tensors that the inputs consist of."""
    if isinstance(x, torch.Tensor):
        return [x]
    return list(x.values()) if hasattr(x, "values") else list(x)


def select(x: Any, rows: Any, device: Any) -> Any:
    """These rows of the inputs, on the device."""
    if isinstance(x, torch.Tensor):
        return x[rows].to(device)
    if hasattr(x, "items"):
        return {key: value[rows].to(device) for key, value in x.items()}
    return tuple(value[rows].to(device) for value in x)


def call(net: Any, x: Any) -> Any:
    """The network's outputs for these inputs."""
    if isinstance(x, torch.Tensor):
        return net(x)
    return net(**x) if hasattr(x, "items") else net(*x)


@contextmanager
def undisturbed(net: Any) -> Iterator[None]:
    """The network in evaluation mode and without gradients; modes and random numbers are afterwards as before."""
    modes = [(module, module.training) for module in net.modules()]
    devices = {p.device for p in net.parameters() if p.device.type == "cuda"}
    net.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng([d.index for d in devices if d.index is not None]):
            yield
    finally:
        for module, training in modes:
            module.training = training


@dataclass(frozen=True)
class Examined:
    """A network as it was seen on some rows.

    Attributes:
        head: the output layer, a torch.nn.Linear.
        name: its name in the network.
        network: the network's description.
    """

    head: Any
    name: str
    network: Network


class _Operators(TorchDispatchMode):  # type: ignore[misc]
    """Notes which operators run, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Set[str] = set()
        self.on = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.on:
            name = func.overloadpacket.__name__.rstrip("_")
            # Numbers that become integers on the way are rounded, whatever does it.
            rounds = _is_floating(args[:1]) and isinstance(result, torch.Tensor) and not _is_floating((result,))
            self.names.add(f"{name} to {result.dtype}" if rounds else name)
        return result


def _is_floating(values: Any) -> bool:
    return any(isinstance(each, torch.Tensor) and (each.is_floating_point() or each.is_complex()) for each in values)


def examine(net: Any, x: Any, head: Optional[Any]) -> Examined:
    """Runs the network on some rows, in evaluation mode, and looks at what happens.

    Args:
        net: the network, see :func:`bare`.
        x: a few rows of its inputs.
        head: its output layer; None to find it.

    Raises:
        ValueError: if there is no linear output layer on a matrix of features, or the one given is none.
    """
    modules = {module: name for name, module in net.named_modules() if isinstance(module, torch.nn.Linear)}
    if head is not None and head not in modules:
        raise ValueError("head: is no torch.nn.Linear of this network")
    operators = _Operators()
    called: List[Tuple[Any, Any, Any]] = []

    def before(module: Any, inputs: Any) -> None:
        if module is head:
            operators.on = False

    def after(module: Any, inputs: Any, output: Any) -> None:
        called.append((module, inputs[0], output))

    hooks = [m.register_forward_pre_hook(before) for m in modules] + [m.register_forward_hook(after) for m in modules]
    try:
        with undisturbed(net):
            if head is None:
                head = _last(called, logits(call(net, x)))
                called.clear()
            with operators:
                call(net, x)
    finally:
        for hook in hooks:
            hook.remove()
    inputs = [i for module, i, _ in called if module is head]
    if len(inputs) != 1:
        raise ValueError(f"head: '{modules[head]}' is called {len(inputs)} times for one batch; it has to be once")
    if inputs[0].ndim != 2 or len(inputs[0]) != rows_of(x):
        raise ValueError(
            f"head: '{modules[head]}' gets {'×'.join(map(str, inputs[0].shape))} for {rows_of(x)} rows; it has to be one"
            " row of features for each"
        )
    layers = [
        Layer(name or type(module).__name__, type(module).__name__, sum(p.numel() for p in own))
        for name, module in net.named_modules()
        for own in [list(module.parameters(recurse=False))]
        if own
    ]
    not_analytic = sorted(operators.names & _NOT_ANALYTIC)
    unknown = operators.names - _ANALYTIC - _NOT_ANALYTIC
    return Examined(
        head,
        modules[head],
        Network(
            f"torch {torch.__version__}",
            type(net).__name__,
            layers,
            head.in_features,
            head.out_features,
            False if not_analytic else None if unknown else True,
            not_analytic,
        ),
    )


def logits(output: Any) -> Any:
    """The tensor of outputs in what a network returned; None if there is none."""
    if isinstance(output, torch.Tensor):
        return output
    found = getattr(output, "logits", None)
    if found is None and isinstance(output, (tuple, list)) and output:
        found = output[0]
    return found


def _last(called: List[Tuple[Any, Any, Any]], output: Any) -> Any:
    for module, _, result in reversed(called):
        if isinstance(output, torch.Tensor) and result.data_ptr() == output.data_ptr() and result.shape == output.shape:
            return module
    raise ValueError(
        "head: the network's output is not that of a torch.nn.Linear; let it return the outputs of its last layer (the"
        " softmax belongs to the loss), or give head=net.…"
    )

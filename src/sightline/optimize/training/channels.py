"""Channels of a network that can be removed together, and what each of them is worth.

A channel that is removed is removed from every layer that it reaches: from those that read it, and from those
whose outputs are added to it. The work is torch-pruning's (Fang et al. 2023, "DepGraph", arXiv 2301.12900).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from sightline.errors import ModelError
from sightline.optimize.training.importance import squared_gradients

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that several layers share.

    Args:
        layer: the name of the first layer whose outputs they are.
        importance: (C,) how much the loss rises without each of them, about.
        cost: multiplications for a picture that one of them brings.
        group: of torch-pruning.
    """

    layer: str
    importance: Tensor
    cost: float
    group: Any

    def __len__(self) -> int:
        return len(self.importance)


class ChannelGraph:
    """Which channels of a network hang together.

    Args:
        network: with layers of ``LAYERS``; it is traced, and runs in evaluation mode for that.
        example: what it takes, (1, 3, H, W).
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network, self._example = network, example
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        with evaluating(network), torch.enable_grad():
            self._graph = tp.DependencyGraph().build_dependency(network, example)
        self._names = {module: name for name, module in network.named_modules()}

    def names(self) -> Iterator[str]:
        """The first layer of each group of channels."""
        for group in self._graph.get_all_groups(root_module_types=list(LAYERS)):
            yield self._names[group[0].dep.target.module]

    def group(self, layer: str, channels: Iterable[int] | None = None) -> Any:
        """The group of torch-pruning that a layer's outputs belong to, or of some of them."""
        module = self._network.get_submodule(layer)
        pruner = self._graph.get_pruner_of_module(module)
        every = range(pruner.get_out_channels(module))
        return self._graph.get_pruning_group(
            module, pruner.prune_out_channels, list(every if channels is None else channels)
        )

    def size(self, layer: str) -> int:
        """How many channels a layer gives out."""
        return int(self._graph.get_out_channels(self._network.get_submodule(layer)))

    def groups(self, layers: Iterable[str], costs: Mapping[str, float]) -> list[ChannelGroup]:
        """The groups of these layers, with the importance that the weights' gradients tell.

        Args:
            costs: multiplications of each layer, by its name.
        """
        scorer = tp.importance.GroupHessianImportance(group_reduction="sum", normalizer=None)
        found = []
        for layer in layers:
            group = self.group(layer)
            cost = 0.0
            for dependency, channels in group:
                name = self._names.get(dependency.target.module, "")
                cost += costs.get(name, 0.0) * len(channels) / self._width(dependency)
            found.append(ChannelGroup(layer, scorer(group), cost / self.size(layer), group))
        return found

    def _width(self, dependency: Any) -> int:
        """How many channels the side of a layer has on which a group touches it."""
        module = dependency.target.module
        out = self._graph.is_out_channel_pruning_fn(dependency.handler)
        ask = self._graph.get_out_channels if out else self._graph.get_in_channels
        return int(ask(module) or 1)


class RemovableChannels:
    """The channels of a network that can be removed, as they were before any was.

    Args:
        task: whose loss tells what a channel is worth.
        example: what the network takes, (1, 3, H, W).
    """

    def __init__(self, task: TrainingTask[Any], example: Tensor) -> None:
        self._task, self._example = task, example
        self._layers: list[str] = []
        self.count = 0
        """How many there were."""
        self._cost = 0.0

    def remove(
        self,
        network: nn.Module,
        choose: Callable[[list[ChannelGroup]], Mapping[str, list[int]]],
    ) -> None:
        """Remove channels in place: those of each layer that ``choose`` names.

        Raises ModelError: no channel can be removed.
        """
        self._look(network)
        costs = layer_costs(network, self._example)
        for name, squared in squared_gradients(network, self._task).items():
            network.get_parameter(name).grad = squared
        graph = ChannelGraph(network, self._example)
        for layer, channels in choose(graph.groups(self._layers, costs)).items():
            graph.group(layer, channels).prune()
        network.zero_grad(set_to_none=True)

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Give a whole network the shapes of one that lacks channels."""
        self._look(network)
        fit_shapes(network, state)

    def figures(self, network: nn.Module) -> dict[str, float]:
        """The shares of the channels and of the multiplications that are left."""
        graph = ChannelGraph(network, self._example)
        cost = sum(layer_costs(network, self._example).values())
        return {
            "channels": sum(map(graph.size, self._layers)) / self.count,
            "multiplications": cost / self._cost,
        }

    def _look(self, network: nn.Module) -> None:
        """Look at the whole network, once."""
        if self._layers:
            return
        self._layers = removable(network, self._example)
        if not self._layers:
            raise ModelError(
                "no channel of the network can be removed: its outputs would have other shapes, or it could "
                "not be traced"
            )
        self.count = sum(map(ChannelGraph(network, self._example).size, self._layers))
        self._cost = sum(layer_costs(network, self._example).values())


def removable(network: nn.Module, example: Tensor) -> list[str]:
    """The layers whose channels can be removed: the network's outputs keep their shapes without some.

    Found by trying it on a copy, since no graph tells what the numbers of an output mean.
    """
    wanted = _shapes(network, example)
    found = []
    for layer in list(ChannelGraph(copy.deepcopy(network), example).names()):
        tried = copy.deepcopy(network)
        graph = ChannelGraph(tried, example)
        size = graph.size(layer)
        if size < 2:
            continue
        graph.group(layer, range(size // 2)).prune()
        try:
            same = _shapes(tried, example) == wanted
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError):
            continue  # the program itself counts on that number of channels
        if same:
            found.append(layer)
    return found


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A network in evaluation mode; afterwards each of its layers is in the mode that it was in."""
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training


def _shapes(network: nn.Module, example: Tensor) -> list[tuple[int, ...]]:
    with evaluating(network), torch.no_grad():
        found = network(example)
    return [tuple(one.shape) for one in tensors(found)]


def tensors(found: object) -> Iterator[Tensor]:
    """All tensors of what a network answers with."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, Mapping):
        for one in found.values():
            yield from tensors(one)
    elif isinstance(found, list | tuple):
        for one in found:
            yield from tensors(one)


def layer_costs(network: nn.Module, example: Tensor) -> dict[str, float]:
    """Multiplications of each layer with weights for one picture, by its name."""
    costs: dict[str, float] = {}

    def hook(name: str) -> Any:
        def count(module: nn.Module, _: object, output: Tensor) -> None:
            places = output.numel() / output.shape[1 if output.ndim == 4 else -1]
            costs[name] = costs.get(name, 0.0) + places * module.weight.numel()

        return count

    hooks = [
        module.register_forward_hook(hook(name))
        for name, module in network.named_modules()
        if isinstance(module, LAYERS)
    ]
    _shapes(network, example)
    for one in hooks:
        one.remove()
    return costs


def fit_shapes(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a network's layers the shapes that saved weights have, as those of a pruned network."""
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        for key in [*module._parameters, *module._buffers]:  # noqa: SLF001 - nothing else resizes
            saved, own = state.get(prefix + key), getattr(module, key)
            if saved is None or own is None or saved.shape == own.shape:
                continue
            fresh = torch.empty_like(saved)
            if key in module._parameters:  # noqa: SLF001
                module._parameters[key] = nn.Parameter(fresh, own.requires_grad)  # noqa: SLF001
            else:
                module._buffers[key] = fresh  # noqa: SLF001
        _count_channels(module)


def _count_channels(module: nn.Module) -> None:
    """The numbers of channels that a layer tells of itself follow its weights."""
    if isinstance(module, nn.Conv2d):
        if module.groups == module.in_channels == module.out_channels:
            module.groups = module.weight.shape[0]
        module.out_channels = module.weight.shape[0]
        module.in_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, nn.ConvTranspose2d):
        module.in_channels = module.weight.shape[0]
        module.out_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:  # noqa: SLF001
        module.num_features = len(module.running_mean)

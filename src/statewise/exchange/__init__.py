"""Weights and layers in the forms of other systems: PyTorch's recurrent modules, nodes of ONNX."""

from statewise.exchange.torch_weights import from_torch, load_torch, to_torch

__all__ = ["from_torch", "load_torch", "to_torch"]

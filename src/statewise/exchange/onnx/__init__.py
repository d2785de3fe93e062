"""RNN, LSTM and GRU as ONNX defines them: nodes computed, weights to and from a node."""

from statewise.exchange.onnx.layers import Attribute, Node, OnnxLayer, from_onnx, run_node, to_onnx

__all__ = ["Attribute", "Node", "OnnxLayer", "from_onnx", "run_node", "to_onnx"]

"""Models for other systems: as an ONNX graph with its state in and out, or as a folder that `statewise.load` reads."""

from statewise.exporting.exported import Exported, export
from statewise.exporting.folder import write_folder
from statewise.exporting.onnx_check import Compared, compare_onnx, open_onnx
from statewise.exporting.onnx_graph import onnx_graph, state_names
from statewise.exporting.rounded import rounded

__all__ = [
    "Compared",
    "Exported",
    "compare_onnx",
    "export",
    "onnx_graph",
    "open_onnx",
    "rounded",
    "state_names",
    "write_folder",
]

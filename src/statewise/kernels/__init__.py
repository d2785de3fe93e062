"""Fast loops over time on bare tensors: one operation per recurrence, chosen by what the tensors are."""

from statewise.kernels.associative import linear_scan, log_linear_scan
from statewise.kernels.choice import allowed, choose, kernels_of, using
from statewise.kernels.op import Op, ScanInputs

__all__ = ["Op", "ScanInputs", "allowed", "choose", "kernels_of", "linear_scan", "log_linear_scan", "using"]

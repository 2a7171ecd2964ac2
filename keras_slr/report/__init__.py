"""What pruning did to a model, as tables and figures."""

from keras_slr.report.macs import macs
from keras_slr.report.report import Report
from keras_slr.report.report import Row
from keras_slr.report.report import report
from keras_slr.report.report import rows_of
from keras_slr.report.sensitivity import Sensitivity
from keras_slr.report.sensitivity import sensitivity
from keras_slr.report.sparsity import sparsity
from keras_slr.report.summary_diff import SummaryDiff
from keras_slr.report.summary_diff import summary_diff

__all__ = [
    "Report",
    "Row",
    "Sensitivity",
    "SummaryDiff",
    "macs",
    "report",
    "rows_of",
    "sensitivity",
    "sparsity",
    "summary_diff",
]

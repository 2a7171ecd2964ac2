"""What pruning did to a model, as tables and figures."""

from keras_slr.report.macs import macs
from keras_slr.report.report import Report
from keras_slr.report.report import Row
from keras_slr.report.report import report
from keras_slr.report.report import rows_of
from keras_slr.report.sparsity import sparsity
from keras_slr.report.summary_diff import SummaryDiff
from keras_slr.report.summary_diff import summary_diff

__all__ = [
    "Report",
    "Row",
    "SummaryDiff",
    "macs",
    "report",
    "rows_of",
    "sparsity",
    "summary_diff",
]

"""Tables about models: sparsity, operations, sensitivity."""

from keras_slr.reports.macs import macs
from keras_slr.reports.report import Report
from keras_slr.reports.report import WeightRow
from keras_slr.reports.report import report
from keras_slr.reports.report import rows_of
from keras_slr.reports.sensitivity import Sensitivity
from keras_slr.reports.sensitivity import sensitivity
from keras_slr.reports.sparsity import sparsity
from keras_slr.reports.summary_diff import SummaryDiff
from keras_slr.reports.summary_diff import summary_diff

__all__ = [
    "Report",
    "Sensitivity",
    "SummaryDiff",
    "WeightRow",
    "macs",
    "report",
    "rows_of",
    "sensitivity",
    "sparsity",
    "summary_diff",
]

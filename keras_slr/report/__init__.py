"""What pruning did to a model, as tables and figures."""

from keras_slr.report.report import Report
from keras_slr.report.report import Row
from keras_slr.report.report import report
from keras_slr.report.report import rows_of
from keras_slr.report.sparsity import sparsity

__all__ = ["Report", "Row", "report", "rows_of", "sparsity"]

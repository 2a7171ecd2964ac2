"""How layers and operations carry units; `rule_table` has all rules."""

from keras_slr.shrinking.rules.rule_table import RULES
from keras_slr.shrinking.rules.rule_table import Rule

__all__ = ["RULES", "Rule"]

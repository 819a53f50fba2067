"""All rules against one document: those that hold and why, those that fail and at which clause.

What becomes of a match is not here (see `rules.alerting`).
"""

from rules.percolate.book import Outcome, RuleBook, RuleBookFault, check_rules, compile_rules
from rules.percolate.examples import ExampleFailure, run_examples
from rules.percolate.explanation import Explanation, evidence_of

__all__ = [
    "ExampleFailure",
    "Explanation",
    "Outcome",
    "RuleBook",
    "RuleBookFault",
    "check_rules",
    "compile_rules",
    "evidence_of",
    "run_examples",
]

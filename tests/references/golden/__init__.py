"""Golden numbers: inputs small enough to work out by hand, and what must come out.

A table belongs to one function and maps a sentence to a `Golden`. `inputs` are the arguments of the twin of that name;
another implementation is held to the same table after adding its batch axis. Attribution rows hold every token: an
implementation that drops the prefix tokens is compared with what is left. Where the values are not obvious, the comment
above says how they follow.
"""

from tests.references.golden.attributions import ATTRIBUTIONS
from tests.references.golden.case import Baseline, Golden
from tests.references.golden.indicators import BASELINES, INDICATORS
from tests.references.golden.mechanisms import MECHANISMS
from tests.references.golden.retention import RETENTION

__all__ = ["ATTRIBUTIONS", "BASELINES", "INDICATORS", "MECHANISMS", "RETENTION", "Baseline", "Golden"]

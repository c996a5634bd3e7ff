"""`python -m interpret.report`."""

import sys

from interpret.report.command import main

sys.exit(main())

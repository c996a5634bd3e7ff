"""`python -m interpret.train`."""

import sys

from interpret.train.command import main

sys.exit(main())

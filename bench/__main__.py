"""``python -m bench``."""

import os
import sys

from bench.cli.main import main
from bench.cli.options import INTERRUPTED

code = main()
if code == INTERRUPTED:  # records are whole or not there: nothing has to be waited for, library threads least of all
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)

"""``python -m bench``."""

import os
import sys

INTERRUPTED = 130

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python puts the working folder first, where a file named like a library (arff.py) would be run for it.
        sys.path.append(sys.path.pop(0))
    try:
        from bench.cli.main import main

        code = main()
    except KeyboardInterrupt:  # while modules are imported
        print("interrupted.", file=sys.stderr)
        code = INTERRUPTED
    if (
        code == INTERRUPTED
    ):  # records are whole or not there: nothing has to be waited for, library threads least of all
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)

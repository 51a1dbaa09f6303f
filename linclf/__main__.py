"""The shell command `linclf`, and `python -m linclf`."""

import atexit
import os
import sys
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line and exit with its code. Ctrl-C prints no traceback, even while modules load."""
    # scikit-learn's worker processes are not used, and warn on systems that do not support them
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    try:
        from linclf.cli import NO_ACCESS, main

        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    if code != NO_ACCESS:  # a library that ran out of memory may crash
        if sys.gettrace() or sys.getprofile() or sys.flags.inspect:  # something runs after us
            sys.exit(code)
        atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:
        sys.exit(code)  # Python reports it
    # the system frees all memory at once; Python would free object by object, for a tenth of the time that training on a table of
    # 20000 rows takes, and a sixth with columns of text
    os._exit(code)


if __name__ == "__main__":
    run()

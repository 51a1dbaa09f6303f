"""The shell command `linclf`, and `python -m linclf`."""

import os
import sys
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line and exit with its code. Even while modules load, Ctrl-C is not a traceback."""
    os.environ.setdefault(
        "JOBLIB_MULTIPROCESSING", "0"
    )  # scikit-learn's workers are not used; they warn where they cannot be
    try:
        from linclf.cli import NO_ACCESS, main

        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    if code == NO_ACCESS:  # a library that found no memory may crash while Python takes it down
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()

"""Benchmarks of linclf and its peers in one run: `python -m benchmarks [FOLDER]` writes RESULTS.md."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is loaded: every solver has one core

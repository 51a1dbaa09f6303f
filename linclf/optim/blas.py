"""The threads of BLAS."""

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController

from linclf.storage.signals import defer_signals


@functools.cache
def _controller() -> ThreadpoolController:
    with defer_signals():  # it looks libraries up in a callback from C
        return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread: its small products gain little from a second one, are a hundred times slower when another
    process uses the core, and round differently with the number of threads."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit

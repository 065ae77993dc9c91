"""Loads the handler in the process from which leaves are forked, and makes sure that it can still be forked from."""
import gc
import os
import sys
from _thread import _count

from faults import report

_DESCRIPTORS = range(1024)  # a zygote's limit; there is no /proc here that could list them


def load(handler, settings):
    """settings: JSON, as kSetup has it. Ends the process where that does not work out: then each leaf loads the handler itself."""
    before = _descriptors()
    try:
        handler.configure(settings)
        handler.load()
    except BaseException as error:
        refuse(f'it failed:\n{report(error).decode()}')
    gc.collect()
    sys.stdout.flush()  # or every leaf would write it again
    sys.stderr.flush()
    left = [f'descriptor {fd} is open' for fd in sorted(_descriptors() - before)]
    if _count():
        left.append('threads run')
    if _children():
        left.append('processes run')
    if left:
        refuse(f'after it {", ".join(left[:10])}')


def refuse(why):
    # os._exit: threads that were left would keep the process.
    sys.stderr.write(
        f'load the handler once for all sandboxes, not in each: {why.rstrip()}\n'
        '(each loads it itself now, as before; what connects or starts threads when it is first called, not when it is imported, can be shared)\n'
    )
    sys.stderr.flush()
    os._exit(1)


def _children():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def _descriptors():
    found = set()
    for fd in _DESCRIPTORS:
        try:
            os.fstat(fd)
            found.add(fd)
        except OSError:
            pass
    return found

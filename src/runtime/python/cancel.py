"""How a request that nobody waits for any more is interrupted where one thread serves one request at a time: SIGURG comes with kCancel.

A signal names no request, so what it hits is decided by what the main thread is at. The worker signals before it sends the next request, so
the signal for an earlier request is there when the next one is read, and Python runs its handler at the next call of a function: long before
that request is at work.
"""
from _signal import SIGURG, signal

IDLE = 0
WORKING = 1  # a handler runs: it is interrupted
HELD = 2  # something runs in its name that has to be finished: the channel, an import
CANCELLED = 3  # it was interrupted, once; its `finally` blocks run


class Cancelled(BaseException):
    """Nobody waits for this request any more."""


class Work:
    """What the main thread is at. One, since a signal handler belongs to the process."""

    __slots__ = ('state', 'late', 'interrupt')

    def __init__(self):
        self.state = IDLE
        self.late = False  # a signal came while HELD
        self.interrupt = None  # what is called instead of raising


work = Work()


def listen():
    signal(SIGURG, _on_signal)


def _on_signal(_number, _frame):
    if work.state == WORKING:
        interrupt_now()
    elif work.state == HELD:
        work.late = True


def interrupt_now():
    work.state = CANCELLED
    work.late = False
    if work.interrupt is None:
        raise Cancelled
    work.interrupt()


def enter():
    """From here on the handler may be interrupted; at once if it was meant to be already."""
    work.state = WORKING
    if work.late:
        interrupt_now()


def hold():
    if work.state == WORKING:
        work.state = HELD


def release():
    if work.state == HELD:
        enter()

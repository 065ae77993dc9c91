"""Runs what is asynchronous for whoever waits by blocking, in one event loop a thread. asyncio is imported when it is needed first."""
from _thread import _local

from cancel import Cancelled

_here = _local()


def result_of(exchange, awaitable):
    """What it gives, as `await` would."""
    from asyncio import CancelledError, new_event_loop, set_event_loop

    loop = getattr(_here, 'loop', None)
    if loop is None:
        loop = _here.loop = new_event_loop()
        set_event_loop(loop)
    task = loop.create_task(_awaited(awaitable))
    try:
        exchange.interrupt_by(lambda: loop.call_soon_threadsafe(task.cancel))
        return loop.run_until_complete(task)
    except CancelledError:
        exchange.check()  # raises Cancelled when it was ours
        raise
    finally:
        exchange.interrupt_by(None)


def iterate(exchange, chunks):
    """An asynchronous iterator's items; it is closed at the end."""
    try:
        while True:
            try:
                yield result_of(exchange, chunks.__anext__())
            except StopAsyncIteration:
                return
    finally:
        if hasattr(chunks, 'aclose'):
            result_of(exchange, chunks.aclose())


async def _awaited(awaitable):
    return await awaitable

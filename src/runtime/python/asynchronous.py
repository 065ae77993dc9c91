"""Requests as tasks of one event loop: ASGI applications and `async def f`. asyncio is imported when one of these is loaded."""
import sys
from _thread import get_ident

import asgi
from cancel import Cancelled
from channel import Closed
from context import Context
from exchange import Exchange
from handler import ASGI
from reply import piece, stream, stream_head, whole
from serving import event_of, leave, settle


class Loop:
    """One a process."""

    def __init__(self, handler):
        import asyncio

        self.asyncio = asyncio
        self.thread = get_ident()
        # Before 3.10 what the handler's module has made (an asyncio.Event, say) is bound to this one already.
        self.loop = asyncio.get_event_loop() if sys.version_info < (3, 10) else asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.started = False
        self._handler = handler
        self._lifespan = None
        self._running = set()

    def start(self):
        """What an application wants to do before its first request; raises what it has against being started."""
        if self._handler.kind is ASGI:
            self._lifespan = asgi.Lifespan(self._handler.call, self.asyncio)
            self.loop.run_until_complete(self._lifespan.start())
        self.started = True

    def serve(self, channel, request, *times):
        """Until the worker hangs up: then the application may clean up, and Closed is raised."""
        channel.begin = lambda request: self._begin(channel, request)
        self._begin(channel, request, *times)
        self.loop.add_reader(channel.socket.fileno(), self._read, channel)
        if channel.kept:
            self.loop.call_soon(self._read, channel)
        try:
            self.loop.run_forever()
        except SystemExit as error:
            leave(error)
        if self._lifespan is not None:
            self.loop.run_until_complete(self._lifespan.stop())
        raise Closed

    def _read(self, channel):
        try:
            channel.pump()
        except Closed:
            self._hung_up(channel)

    def _hung_up(self, channel):
        self.loop.remove_reader(channel.socket.fileno())
        self.loop.stop()

    def _begin(self, channel, request, *times):
        exchange = LoopExchange(self, channel, request, *times)
        channel.calls[exchange.number] = exchange
        exchange.task = self.loop.create_task(self._attend(exchange))
        self._running.add(exchange)  # the loop itself holds its tasks weakly
        exchange.task.add_done_callback(lambda _: self._ended(exchange))

    async def _attend(self, exchange):
        if exchange.load_only:
            exchange.end()
        elif self._lifespan is not None:
            await asgi.call(exchange, self._handler.call, self._lifespan.state)
        else:
            await _call(exchange, self._handler)

    def _ended(self, exchange):
        self._running.discard(exchange)
        task, exchange.task = exchange.task, None
        error = Cancelled() if exchange.cancelled or task.cancelled() else task.exception()
        try:
            if error is not None and not isinstance(error, (SystemExit, Closed)):
                settle(exchange, error)
        except Closed:
            self._hung_up(exchange.channel)


class LoopExchange(Exchange):
    """Waits without holding up the loop, whose reader tells what has been heard."""

    def __init__(self, loop, *args):
        super().__init__(*args)
        self.task = None
        self._loop = loop
        self._waiting = []

    def hear(self, kind, flags, payload):
        was_cancelled = self.cancelled
        super().hear(kind, flags, payload)
        self._wake()
        if self.cancelled and not was_cancelled and self.task is not None:
            self.task.cancel()

    def finish(self, data=b'', flags=0):
        super().finish(data, flags)
        self._wake()

    async def changed(self):
        """Until something has been heard, or the reply is complete."""
        future = self._loop.loop.create_future()
        self._waiting.append(future)
        await future

    def _wake(self):
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def take(self):
        if get_ident() == self._loop.thread:
            return super().take()  # holds up the loop, as it is asked to
        return self._loop.asyncio.run_coroutine_threadsafe(self.take_async(), self._loop.loop).result()

    async def take_async(self):
        data = self.poll()
        while data is None:
            await self.changed()
            data = self.poll()
        return data

    async def body_async(self):
        parts = []
        while data := await self.take_async():
            parts.append(data)
        return b''.join(parts)

    async def write_async(self, data):
        rest = self.push(memoryview(data))
        while rest:
            await self.changed()
            rest = self.push(rest)

    async def end_async(self, data=b''):
        rest = memoryview(data)
        while len(rest) > self.room:
            rest = self.push(rest)
            if len(rest) > self.room:
                await self.changed()
                self.check()
        self.finish(rest)


async def _call(exchange, handler):
    body, event = None, {}
    if not handler.streams:
        body = await exchange.body_async()
        event, valid = event_of(exchange, body)
        if not valid:
            return
    result = handler.call(event, Context(exchange, body)) if handler.takes_context else handler.call(event)
    if hasattr(result, '__await__'):
        result = await result
    answer = whole(result)
    if answer is None:
        await _deliver_stream(exchange, result)
        return
    opening, body = answer
    if opening is not None:
        exchange.open(opening)
    await exchange.end_async(body)


async def _deliver_stream(exchange, result):
    chunks = stream(result)
    opened = False
    try:
        async for chunk in chunks if hasattr(chunks, '__anext__') else _each(chunks):
            data = piece(chunk)
            if not opened:
                exchange.open(stream_head(result, chunk))
                opened = True
            await exchange.write_async(data)
    finally:
        if hasattr(chunks, 'aclose'):
            await chunks.aclose()
        elif hasattr(chunks, 'close'):
            chunks.close()
    if not opened:
        exchange.open(stream_head(result, None))
    await exchange.end_async()


async def _each(chunks):
    for chunk in chunks:
        yield chunk

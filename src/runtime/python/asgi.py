"""ASGI applications, by version 3.0 of its specification: HTTP and lifespan."""
import os
import sys
from _signal import ITIMER_REAL, SIGALRM, setitimer, signal

from cancel import Cancelled
from faults import report
from http_text import decoded, head
from wsgi import server

_VERSION = {'version': '3.0', 'spec_version': '2.4'}


class Disconnected(OSError):
    """What send() raises when nobody waits for the response any more."""


async def call(exchange, app, state):
    response = _Response(exchange)
    await app(_scope(exchange, state), _Requests(exchange).receive, response.send)
    if not exchange.over:
        raise RuntimeError(f'the ASGI application returned {"before the end of" if response.started else "without"} a response')


def _scope(exchange, state):
    info = exchange.info
    headers = info.get('headers', ())
    first = dict(reversed(headers))
    scheme, name, port = server(first.get('x-forwarded-proto', ''), first.get('host', ''))
    path = info.get('root', '') + (info.get('path', '') or '/')
    return {
        'type': 'http',
        'asgi': dict(_VERSION),
        'http_version': '1.1',
        'method': info.get('method', 'POST'),
        'scheme': scheme,
        'path': decoded(path),  # with root_path, as the specification has it
        'raw_path': path.encode('latin-1', 'replace'),
        'query_string': info.get('query', '').encode('latin-1', 'replace'),
        'root_path': decoded(info.get('root', '')),
        'headers': [(name.encode('latin-1', 'replace'), value.encode('latin-1', 'replace')) for name, value in headers],
        'client': (info['client'], 0) if info.get('client') else None,  # None: over a Unix socket
        'server': (name, port),
        'state': state.copy(),
        'extensions': {},
    }


class _Requests:
    """receive()"""

    def __init__(self, exchange):
        self._exchange = exchange
        self._drained = False

    async def receive(self):
        exchange = self._exchange
        while not exchange.cancelled and not exchange.over:
            if not self._drained:
                data = exchange.poll()
                if data is not None:
                    self._drained = exchange.drained
                    return {'type': 'http.request', 'body': data, 'more_body': not self._drained}
            await exchange.changed()
        return {'type': 'http.disconnect'}


class _Response:
    """send()"""

    def __init__(self, exchange):
        self._exchange = exchange
        self.started = False

    async def send(self, message):
        exchange, kind = self._exchange, message['type']
        if exchange.cancelled:
            raise Disconnected('nobody waits for the response any more')
        if exchange.over or kind != ('http.response.body' if self.started else 'http.response.start'):
            state = 'after the end' if exchange.over else 'after the start' if self.started else 'before the start'
            raise RuntimeError(f'{kind!r} was sent {state} of the response')
        if not self.started:
            exchange.open(head(message['status'], [(_text(name), _text(value)) for name, value in message.get('headers', ())]))
            self.started = True
            return
        data = message.get('body', b'')
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f'the body of an ASGI response is made of bytes, not of {type(data).__name__}')
        try:
            await (exchange.write_async if message.get('more_body', False) else exchange.end_async)(bytes(data))
        except Cancelled:
            raise Disconnected('nobody waits for the response any more') from None


def _text(value):
    if not isinstance(value, (bytes, bytearray)):
        raise TypeError(f'names and values of the headers of an ASGI response are bytes, not {type(value).__name__}: {value!r}')
    return value.decode('latin-1')


# The worker is gone when an application is told to shut down: nobody else would end one that does not.
_SHUTDOWN_S = 2


class Lifespan:
    """An application's own beginning and end. One that does not know of it does without."""

    def __init__(self, app, asyncio):
        self.state = {}
        self._app = app
        self._events = asyncio.Queue()
        self._heard = asyncio.Event()
        self._asyncio = asyncio
        self._task = None
        self._phase = 'startup'
        self._failure = None
        self._supported = False

    async def start(self):
        """Raises what the application has against being started."""
        self._task = self._asyncio.ensure_future(self._run())
        await self._tell('startup')
        if self._failure is not None:
            raise RuntimeError(f'the ASGI application could not start up: {self._failure}')

    async def stop(self):
        if self._supported and not self._task.done():
            signal(SIGALRM, _too_late)  # also comes to one that blocks the loop
            setitimer(ITIMER_REAL, _SHUTDOWN_S)
            await self._tell('shutdown')

    async def _tell(self, phase):
        self._phase = phase
        self._heard.clear()
        self._events.put_nowait({'type': f'lifespan.{phase}'})
        await self._heard.wait()

    async def _run(self):
        try:
            await self._app({'type': 'lifespan', 'asgi': {**_VERSION, 'spec_version': '2.0'}, 'state': self.state}, self._events.get, self._send)
        except Exception as error:
            if self._supported:
                print(report(error).decode('utf-8', 'replace'), file=sys.stderr, end='', flush=True)
        finally:
            self._heard.set()

    async def _send(self, message):
        kind = message['type']
        if kind not in (f'lifespan.{self._phase}.complete', f'lifespan.{self._phase}.failed'):
            raise RuntimeError(f'{kind!r} was sent at the {self._phase} of the application')
        if kind == 'lifespan.startup.failed':
            self._failure = message.get('message') or 'no reason given'
        elif kind == 'lifespan.startup.complete':
            self._supported = True
        elif kind == 'lifespan.shutdown.failed':
            print(f'the ASGI application could not shut down: {message.get("message", "")}', file=sys.stderr, flush=True)
        self._heard.set()


def _too_late(*_):
    os.write(2, b'the ASGI application did not shut down within %d s, ending it\n' % _SHUTDOWN_S)
    os._exit(1)

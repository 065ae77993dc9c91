"""What f(event, context) is given beside the event. All of it is found out when it is asked for."""
import io
from time import monotonic

from http_text import decoded
from reply import Response

_LEVELS = {'error': 1, 'warning': 2, 'info': 3, 'debug': 4}


class Context:
    __slots__ = ('_exchange', '_body', '_stream', '_headers', '_query')

    def __init__(self, exchange, body=None):
        """body: None while it has not been read."""
        self._exchange = exchange
        self._body = body
        self._stream = self._headers = self._query = None

    @property
    def method(self):
        return self._exchange.info.get('method', 'POST')

    @property
    def path(self):
        """What follows the lambda's name, decoded: '/' or more."""
        return decoded(self.raw_path) or '/'

    @property
    def raw_path(self):
        """The path as it was sent, percent-encoded: '' or from '/' on."""
        return self._exchange.info.get('path', '')

    @property
    def query(self):
        """name -> list of values"""
        if self._query is None:
            self._query = {}
            for pair in self.query_string.split('&'):
                if pair:
                    name, _, value = pair.replace('+', ' ').partition('=')
                    self._query.setdefault(decoded(name), []).append(decoded(value))
        return self._query

    @property
    def query_string(self):
        return self._exchange.info.get('query', '')

    @property
    def headers(self):
        if self._headers is None:
            self._headers = Headers(self._exchange.info.get('headers', ()))
        return self._headers

    @property
    def request_id(self):
        return self._exchange.info['id']

    @property
    def client(self):
        """The client's address, numeric."""
        return self._exchange.info.get('client', '')

    @property
    def remaining_ms(self):
        """Until the call has to be answered, at least 0; None: no limit."""
        deadline = self._exchange.info.get('deadline')
        return None if deadline is None else max(0.0, deadline - monotonic() * 1000)

    @property
    def body(self):
        if self._body is None:
            self._body = self._exchange.body() if self._stream is None else self._stream.read()
        return self._body

    @property
    def stream(self):
        """The body as a file. Of a module with STREAM_BODY = True it is what is still coming."""
        if self._stream is None:
            self._stream = io.BytesIO(self._body) if self._body is not None else body_file(self._exchange)
        return self._stream

    def response(self, body=None, status=200, headers=()):
        """What f returns to set status and headers. body: bytes, str, an iterator of them, None, or what JSON can say."""
        return Response(body, status, headers)

    def log(self, message, level='info'):
        """Writes to the lambda's log: level error, warning, info or debug."""
        number = _LEVELS.get(level)
        if number is None:
            raise ValueError(f'context.log: level must be one of {", ".join(_LEVELS)}: {level!r}')
        if self._exchange.over:
            raise RuntimeError('context.log: the request has been answered; what runs on in the background can print()')
        self._exchange.log(str(message).encode('utf-8', 'replace'), number)


class Headers(dict):
    """Names are lower-case, and found in any case. Of a header that came repeatedly: [name] joins the values, get_all(name) lists them."""

    __slots__ = ('_values',)

    def __init__(self, pairs):
        self._values = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)
        super().__init__((name, ('; ' if name == 'cookie' else ', ').join(values)) for name, values in self._values.items())

    def __missing__(self, name):
        if name in self:
            return self[name.lower()]
        raise KeyError(name)

    def __contains__(self, name):
        return super().__contains__(name) or isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name, default=None):
        return self[name] if name in self else default

    def get_all(self, name):
        return list(self._values.get(name.lower(), ()))


def body_file(exchange):
    return io.BufferedReader(_Body(exchange), 1 << 16)


class _Body(io.RawIOBase):
    def __init__(self, exchange):
        self._exchange = exchange
        self._rest = memoryview(b'')

    def readable(self):
        return True

    def readinto(self, into):
        if not self._rest:
            self._rest = memoryview(self._exchange.take())
        size = min(len(into), len(self._rest))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

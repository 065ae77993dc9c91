"""WSGI applications, by PEP 3333."""
import re
import sys

from context import body_file
from http_text import head, unquote

_STATUS = re.compile('[1-9][0-9]{2}( [\t\x20-\x7e\x80-\xff]*)?')

def serve(exchange, app, multithread):
    response = _Response(exchange)
    result = app(_environ(exchange, multithread), response.start)
    try:
        if isinstance(result, (list, tuple)):
            response.end(b''.join(result))
        else:
            for data in result:
                if data:
                    response.write(data)
            response.end(b'')
    finally:
        if hasattr(result, 'close'):
            result.close()


class _Response:
    def __init__(self, exchange):
        self._exchange = exchange
        self._head = None

    def start(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self._exchange.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it holds this frame, and this frame it
        elif self._head is not None:
            raise AssertionError('start_response was called a second time, without exc_info')
        if not isinstance(status, str) or not _STATUS.fullmatch(status):
            raise ValueError(f'the status given to start_response must be a str like "200 OK": {status!r}')
        self._head = head(int(status[:3]), headers, status[4:].strip())
        self._exchange.open(self._head)
        return self.write

    def write(self, data):
        self._exchange.write(self._checked(data))

    def end(self, data):
        self._exchange.end(self._checked(data))

    def _checked(self, data):
        if self._head is None:
            raise AssertionError('the application did not call start_response before it gave the body')
        if not isinstance(data, bytes):
            raise TypeError(f'the body of a WSGI application is made of bytes, not of {type(data).__name__}')
        return data


class _Errors:
    """wsgi.errors. sys.stderr as it is at the time."""

    def write(self, text):
        return sys.stderr.write(text)

    def writelines(self, lines):
        sys.stderr.writelines(lines)

    def flush(self):
        sys.stderr.flush()


def _environ(exchange, multithread):
    info = exchange.info
    environ = {
        'REQUEST_METHOD': info.get('method', 'POST'),
        'SCRIPT_NAME': unquote(info.get('root', '')).decode('latin-1'),
        'PATH_INFO': unquote(info.get('path', '')).decode('latin-1') or '/',
        'QUERY_STRING': info.get('query', ''),
        'REMOTE_ADDR': info.get('client', ''),
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'wsgi.version': (1, 0),
        'wsgi.input': body_file(exchange),
        'wsgi.input_terminated': True,  # it ends where the body does, also without CONTENT_LENGTH
        'wsgi.errors': _Errors(),
        'wsgi.multithread': multithread,
        'wsgi.multiprocess': True,
        'wsgi.run_once': False,
    }
    for name, value in info.get('headers', ()):
        if '_' in name or name == 'proxy':
            continue  # would pass for a header of another name, or for the variable HTTP_PROXY (httpoxy)
        key = name.upper().replace('-', '_')
        if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
            key = 'HTTP_' + key
        if key in environ:
            value = environ[key] + ('; ' if name == 'cookie' else ',') + value
        environ[key] = value
    scheme, host, port = server(environ.get('HTTP_X_FORWARDED_PROTO', ''), environ.get('HTTP_HOST', ''))
    environ.update({'wsgi.url_scheme': scheme, 'SERVER_NAME': host, 'SERVER_PORT': str(port)})
    return environ


def server(forwarded_proto, host):
    """(scheme, name, port) as the client has asked for them."""
    scheme = 'https' if forwarded_proto.partition(',')[0].strip().lower() == 'https' else 'http'
    name, colon, port = host.rpartition(':')
    if not colon or not port.isdecimal() or len(port) > 5:
        name, port = host, '443' if scheme == 'https' else '80'
    return scheme, name or 'localhost', int(port)

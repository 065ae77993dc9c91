"""From what f returned to what is sent."""
import json
from collections.abc import Mapping

from http_text import head

encode_json = json.JSONEncoder(allow_nan=False).encode
# What is sent as JSON without a second look.
PLAIN = frozenset((dict, list, str, int, float, bool, type(None), tuple))
_BYTES = (bytes, bytearray, memoryview)
_OCTETS, _TEXT, _JSON = 'application/octet-stream', 'text/plain; charset=utf-8', 'application/json'


class Response:
    """What context.response() gives."""

    __slots__ = ('body', 'status', 'headers')

    def __init__(self, body, status, headers):
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self.headers = []
        for name, value in pairs:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                self.headers.append((name, str(one) if isinstance(one, int) else one))
        head(status, self.headers)  # what is wrong is told here, where it was written
        self.body = body
        self.status = status

    def head(self, content_type):
        """content_type: unless it has one."""
        if content_type is None or any(name.lower() == 'content-type' for name, _ in self.headers):
            return head(self.status, self.headers)
        return head(self.status, [*self.headers, ('content-type', content_type)])


_PLAINLY = Response(None, 200, ())


def as_json(value):
    """JSON bytes. Raises with the place of what JSON cannot say."""
    try:
        return encode_json(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f'the reply cannot be sent as JSON: {_culprit(value, "reply", 0) or error}') from None


def _culprit(value, place, depth):
    if depth > 50:
        return f'{place} is nested too deeply, or within itself'
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f'a key of {place} is a {type(key).__name__}: {key!r}'
            found = _culprit(key, f'a key of {place}', depth + 1) or _culprit(inner, f'{place}[{key!r}]', depth + 1)
            if found:
                return found
        return None if isinstance(value, dict) else f'{place} is a {type(value).__name__}'
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_culprit(inner, f'{place}[{i}]', depth + 1) for i, inner in enumerate(value))), None)
    if isinstance(value, float) and (value != value or value - value != 0):
        return f'{place} is {value!r}, for which JSON has no number'
    return None if isinstance(value, (str, int, float, bool, type(None))) else f'{place} is a {type(value).__name__}'


def whole(result):
    """(head or None, body) of a reply that is there at once; None when it is to be streamed."""
    response = result if isinstance(result, Response) else _PLAINLY
    body = result.body if response is result else result
    if isinstance(body, _BYTES):
        return response.head(_OCTETS), bytes(body)
    if response is result and body is None:
        return response.head(None), b''
    if response is result and isinstance(body, str):
        return response.head(_TEXT), body.encode()
    if hasattr(body, '__next__') or hasattr(body, '__anext__'):
        return None
    return (None if response is _PLAINLY else response.head(_JSON)), as_json(body)


def piece(chunk):
    """The bytes of one chunk of a stream."""
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, _BYTES):
        return chunk if type(chunk) is bytes else bytes(chunk)
    raise TypeError(f'a streamed reply is made of str or bytes, not of {type(chunk).__name__}: {str(chunk)[:100]}')


def stream_head(result, first):
    """The head of a streamed reply whose first chunk is this, None when there is none."""
    response = result if isinstance(result, Response) else _PLAINLY
    return response.head(_TEXT if isinstance(first, str) else _OCTETS)


def stream(result):
    """What the chunks of a streamed reply come from."""
    return result.body if isinstance(result, Response) else result

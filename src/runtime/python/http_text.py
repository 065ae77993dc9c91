"""HTTP's own notations: percent-encoding, heads of replies."""
import json
import re

_ESCAPE = re.compile(rb'%([0-9A-Fa-f]{2})')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile('[^\t\x20-\x7e\x80-\xff]')


def unquote(text):
    """The bytes that `text` stands for: as it was sent, a character a byte."""
    raw = text.encode('latin-1', 'replace')
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), raw) if b'%' in raw else raw


def decoded(text):
    return unquote(text).decode('utf-8', 'replace')


def head(status, headers, reason=None):
    """The head of a reply, JSON bytes. Raises ValueError or TypeError where HTTP has no way to say it."""
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError(f'status must be an integer from 200 to 599: {status!r}')
    pairs = []
    for name, value in headers:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f'a header needs a name of letters, digits and some signs: {name!r}')
        if not isinstance(value, str):
            raise TypeError(f'the value of header {name!r} must be a str: {value!r}')
        wrong = _FORBIDDEN.search(value)
        if wrong:
            raise ValueError(f'the value of header {name!r} has a character that HTTP does not allow there, {wrong[0]!r}: {value!r}')
        pairs.append((name.lower(), value.strip(' \t')))
    told = {'status': status, 'headers': pairs}
    if reason:
        told['reason'] = reason
    return json.dumps(told).encode()

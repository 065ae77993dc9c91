"""One request from its body to the end of its reply, for whoever waits by blocking."""
import atexit
import json
import os
import sys

import wsgi
from awaiting import iterate, result_of
from cancel import Cancelled
from context import Context
from faults import EVENT_INVALID, report
from handler import WSGI
from reply import piece, stream, stream_head, whole


def attend(exchange, handler):
    if exchange.load_only:
        exchange.end()
    elif handler.kind is WSGI:
        wsgi.serve(exchange, handler.call, handler.concurrency > 1)
    else:
        _call(exchange, handler)


def settle(exchange, error):
    """The handler has ended in this way."""
    if isinstance(error, Cancelled):
        if not exchange.over:
            exchange.drop()
    elif exchange.over:
        print(report(error).decode('utf-8', 'replace'), file=sys.stderr, end='', flush=True)
    else:
        exchange.fail(error)


def leave(error):
    """Ends the process as exit() asks for, whatever else is at work in it."""
    if error.code is not None and not isinstance(error.code, int):
        print(error.code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(error.code if isinstance(error.code, int) else int(error.code is not None))


def _call(exchange, handler):
    body, event = None, {}
    if not handler.streams:
        body = exchange.body()
        event, valid = event_of(exchange, body)
        if not valid:
            return
    deliver(exchange, handler.call(event, Context(exchange, body)) if handler.takes_context else handler.call(event))


def event_of(exchange, body):
    """(event, True); False: the request has been refused."""
    try:
        return json.loads(body) if body else {}, True
    except (ValueError, RecursionError) as error:
        exchange.open(EVENT_INVALID)
        exchange.finish(str(error).encode())
        return None, False


def deliver(exchange, result):
    if hasattr(result, '__await__'):
        result = result_of(exchange, result)
    answer = whole(result)
    if answer is None:
        _deliver_stream(exchange, result)
        return
    opening, body = answer
    if opening is not None:
        exchange.open(opening)
    exchange.end(body)


def _deliver_stream(exchange, result):
    chunks = stream(result)
    opened = False
    try:
        for chunk in chunks if hasattr(chunks, '__next__') else iterate(exchange, chunks):
            data = piece(chunk)
            if not opened:
                exchange.open(stream_head(result, chunk))
                opened = True
            exchange.write(data)
    finally:
        if hasattr(chunks, 'close'):
            chunks.close()
    if not opened:
        exchange.open(stream_head(result, None))
    exchange.end()

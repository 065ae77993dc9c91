"""How a callable wants to be called, found out once, without the weight of `inspect`."""
from functools import partial
from types import FunctionType, MethodType

_ARGS = 0x04  # flags of a code object, as inspect.CO_… has them
_LONGEST = 32  # a chain of wrappers that is longer leads in a circle
_ASYNC = 0x80 | 0x100 | 0x200  # a coroutine, one that is made of a generator, an asynchronous generator


def wants(f):
    """(whether f(event, context) is meant, whether a call gives a coroutine or an asynchronous generator).

    The context gets who asks for it, by a second positional argument without a default or by one that is called `context`: `def f(event, cache={})`
    and `def f(*args)` are called with the event alone, as they always were.
    """
    if type(f) is FunctionType and f.__code__.co_argcount == 1 and not f.__code__.co_flags & (_ARGS | _ASYNC):
        return False, False  # what nearly all are
    return _takes_context(f), is_async(f)


def is_async(f):
    function = _function(f)[0]
    return function is not None and bool(function.__code__.co_flags & _ASYNC)


def _takes_context(f):
    filled, given = 0, set()
    for _ in range(_LONGEST):
        function, more, named = _function(f)
        filled += more
        given |= named
        if function is None:
            return False
        code = function.__code__
        names = code.co_varnames[filled:code.co_argcount]
        if len(names) >= 2 and not given.intersection(names[:2]):
            return filled + 1 < code.co_argcount - len(function.__defaults__ or ()) or names[1] == 'context'
        f = getattr(function, '__wrapped__', None) if code.co_flags & _ARGS else None
        if f is None:
            break
    return False


def _function(f):
    """The Python function that a call of `f` ends in (or None), how many of its positional arguments are filled, which are given by name."""
    filled, named = 0, set()
    for _ in range(_LONGEST):
        if isinstance(f, FunctionType):
            return f, filled, named
        if isinstance(f, MethodType):
            filled, f = filled + 1, f.__func__
        elif isinstance(f, partial):
            filled += len(f.args)
            named |= f.keywords.keys()
            f = f.func
        elif isinstance(f, type):
            filled, f = filled + 1, f.__init__
        elif isinstance(getattr(type(f), '__call__', None), FunctionType):
            filled, f = filled + 1, type(f).__call__
        elif hasattr(f, '__wrapped__'):  # functools.lru_cache
            f = f.__wrapped__
        else:
            break
    return None, filled, named

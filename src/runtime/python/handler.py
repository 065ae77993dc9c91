"""The code of one directory, and what of it is called."""
import json
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader
from types import ModuleType

from entry import is_async, wants

_READ = 1 << 16  # a larger buffer would be a mapping of its own
FUNCTION, WSGI, ASGI = 'function', 'WSGI application', 'ASGI application'


class Handler:
    """Imported when it is first needed."""

    def __init__(self, directory, environment=os.environ):
        self.directory = directory
        self._environment = environment
        self.concurrency = 1
        self._entry = {}
        self.kind = None  # not loaded
        self.call = None
        self.takes_context = False
        self.streams = False  # the body is read by the function or application itself, as it comes
        self.is_async = False
        self.direct = False  # nothing of the above but a context
        self.loop = None  # in which it runs, if it is asynchronous
        self._usual = _spec('f', f'{directory}/f.py')  # made ahead: no request waits for it

    def configure(self, settings):
        """settings: JSON bytes, as kSetup has them."""
        settings = json.loads(settings)
        self._environment.update(settings.get('environment', {}))
        self._entry = settings.get('entry', {})
        self.concurrency = settings.get('concurrency', 1)

    def load(self):
        """Imports the code. What it raises has left nothing behind: the next request tries again."""
        file = self._entry.get('file') or self._environment.get('OL_ENTRY_FILE') or 'f.py'
        module = self._import(file)
        wsgi, asgi = self._entry.get('wsgi'), self._entry.get('asgi')
        if not wsgi and not asgi:
            wsgi, asgi = self._environment.get('OL_WSGI_ENTRY'), self._environment.get('OL_ASGI_ENTRY')
        if wsgi:
            self._use(WSGI, module, file, wsgi)
        elif asgi:
            self._use(ASGI, module, file, asgi)
        elif hasattr(module, 'f'):
            self._use(FUNCTION, module, file, 'f')
        elif hasattr(module, 'app'):
            app = module.app
            self._use(ASGI if is_async(app) else WSGI, module, file, 'app')
        else:
            raise AttributeError(f'{self.directory}/{file} defines neither a function f(event) nor an application app')

    def use(self, call, streams=False):
        """Calls of the lambda are calls of this function."""
        self.kind = FUNCTION
        self.call = call
        self.takes_context, self.is_async = wants(call)
        self.streams = streams
        self.direct = not streams and not self.is_async

    def _use(self, kind, module, file, name):
        call = getattr(module, name, None)
        if not callable(call):
            what = 'is not callable' if hasattr(module, name) else 'is not there'
            raise AttributeError(f'{self.directory}/{file}: the {kind} {name!r} {what}')
        if kind is FUNCTION:
            self.use(call, bool(getattr(module, 'STREAM_BODY', False)))
        else:
            self.kind, self.call = kind, call
            self.is_async = self.streams = kind is ASGI

    def _import(self, file):
        name = file[:-3].replace('/', '.')
        if not file.endswith('.py') or not all(name.split('.')):
            raise ValueError(f'the entry file (OL_ENTRY_FILE) must be the path of a Python module in the package, such as app.py: {file!r}')
        sys.path[0] = self.directory
        if '.' in name:
            from importlib import import_module  # a module of a package: what it may import depends on its parents

            return import_module(name)
        # As import does it, without looking for it in every directory of the path.
        path = f'{self.directory}/{file}'
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        source = os.read(fd, _READ)
        while len(source) % _READ == 0 and (more := os.read(fd, _READ)):
            source += more
        os.close(fd)
        module = ModuleType(name)
        module.__file__ = path
        module.__spec__ = self._usual if name == 'f' else _spec(name, path)
        sys.modules[name] = module
        try:
            exec(compile(source, path, 'exec', dont_inherit=True), module.__dict__)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


def _spec(name, path):
    return ModuleSpec(name, SourceFileLoader(name, path), origin=path)

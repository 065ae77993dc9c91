"""A process with the interpreter and its packages loaded, from which sandboxes are forked. Descriptor 3 is the fork socket.

With SOCK_SETTINGS (JSON, as kSetup has it) in its environment: with the handler at /handler loaded as well. Then all that follows is that handler's
to change, and nothing relies on it but the sandboxes of the same lambda.
"""
import ctypes
import gc
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, '/runtime')

import ahead  # noqa: E402
import leaf  # noqa: E402  and all that it needs, json first of all


class Hooks(ctypes.Structure):
    _fields_ = [('before', ctypes.c_void_p), ('parent', ctypes.c_void_p), ('child', ctypes.c_void_p)]


def main():
    guest = ctypes.PyDLL('/runtime/guest.so')  # PyDLL: the interpreter's lock stays held
    guest.guest_spin.argtypes = [ctypes.c_uint64]
    guest.guest_spin.restype = None
    guest.guest_born.restype = guest.guest_sealed.restype = ctypes.c_uint64
    python = ctypes.pythonapi
    hooks = Hooks(*(ctypes.cast(f, ctypes.c_void_p) for f in (python.PyOS_BeforeFork, python.PyOS_AfterFork_Parent, python.PyOS_AfterFork_Child)))
    import random  # noqa: F401  so that it is reseeded after each fork
    leaf.install()
    rehearsal = leaf.Handler('/rehearsal', {})
    leaf.rehearse(12, rehearsal)
    os.environ.pop('LD_PRELOAD', None)  # was for this process alone
    handler, own = leaf.Handler('/handler'), os.environ.pop('SOCK_SETTINGS', None)
    if own:
        ahead.load(handler, own)
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)  # glibc's: what was freed need not be forked
    if trim:
        trim(0)
    role = guest.guest_serve(ctypes.byref(hooks))
    if role < 0:
        if role == -16 and own:
            ahead.refuse('after it threads run, or more fork handlers are there than are kept')
        if role == -16:
            sys.exit('the zygote has threads, or more fork handlers than are kept: it cannot be forked from')
        sys.exit(0)
    # From here on this is a leaf, sealed.
    born, sealed = guest.guest_born(), guest.guest_sealed()
    if role == 1:
        born = sealed = 0  # long before its first request
        leaf.rehearse(2, rehearsal)
    leaf.run(handler, born, sealed, guest.guest_spin, role == 1)


main()

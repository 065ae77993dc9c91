"""Runs a leaf as a zygote's fork would, without the sandbox: driver.py <runtime> <handler> [times to rehearse]. Descriptor 3 is the channel."""
import sys

runtime, handler, rehearsals = sys.argv[1:4]
sys.dont_write_bytecode = True
sys.path.insert(0, runtime)

import leaf  # noqa: E402

leaf.install()
leaf.rehearse(int(rehearsals), leaf.Handler(runtime + '/rehearsal', {}))
leaf.run(leaf.Handler(handler), 0, 0, None, True)

"""What goes wrong in a handler, as its author and the worker are told."""
import os
import traceback

RAISED = b'{"status":500,"error":"handler-raised"}'
EVENT_INVALID = b'{"status":400,"error":"event-invalid"}'

_HERE = os.path.dirname(__file__) + os.sep
_MOST = 64 * 1024


def report(error):
    """The traceback as the lambda's author knows it: without this folder's frames at its top. At most 64 KiB: its end."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    text = ''.join(traceback.format_exception(type(error), error, frames)).encode('utf-8', 'replace')
    return text if len(text) <= _MOST else b'[...]' + text[5 - _MOST:]

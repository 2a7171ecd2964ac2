"""Peak memory of this process, on Linux.

`VmHWM` in `/proc/self/status` is the largest resident memory so far. Writing
5 into `/proc/self/clear_refs` sets it back to what is resident now, so a call
can be measured in a process that has used more before. What the allocator
keeps of freed memory is handed back first: it would hide what the call needs.
"""

import ctypes
import gc
import pathlib

_STATUS = pathlib.Path("/proc/self/status")


def extra_bytes(function):
    """Returns the bytes that a call needs at its peak, beyond those before.

    Args:
        function: Function without arguments.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes(_STATUS, "VmRSS")
    function()
    return 1024 * (_kilobytes(_STATUS, "VmHWM") - before)


def _kilobytes(path, name):
    lines = path.read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith(name + ":"))

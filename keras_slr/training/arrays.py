"""The two array kinds on which the solver's passes run.

Host arrays are NumPy views of the variables: the fastest exact way on CPU.
Device arrays stay on their devices, and one compiled function per pass runs on
them. Accelerators and sharded tensors need it: NumPy would have to gather
them.

Both offer `sums`, which adds up what a pass returns over all weights,
`masks`, which chooses the entries to keep, `points`, which moves them to a
grid, and `assign`, which stores the new `a` and `c` that a pass returns.
`largest` and `on_grid` need the variables only.
"""

from keras_slr import backend
from keras_slr.training.device_arrays import DeviceArrays
from keras_slr.training.host_arrays import HostArrays

__all__ = ["DeviceArrays", "HostArrays", "arrays_for"]


def arrays_for(variables):
    """Chooses the array kind for `variables`: host on one CPU, else device."""
    if all(backend.on_one_cpu(v) for v in variables):
        return HostArrays()
    return DeviceArrays()

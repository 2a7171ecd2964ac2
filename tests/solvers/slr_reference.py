"""An independent implementation of the definition of SLR.

It holds Z and Lam as they are written in the papers, stores the previous W, and
projects by a full sort.
"""

import dataclasses
import math

import numpy as np

from tests.helpers import slow_keep_mask

SHAPES = [(6, 5), (4, 3, 2)]
COUNTS = [9, 5]
# Only the first weight takes part in the trial.
SCALE_FREE = [True, False]


def norm(tensors):
    return math.sqrt(sum(float(np.sum(t**2)) for t in tensors))


def lagrangian(f, w, z, lam, rho):
    return f + sum(
        float(np.sum(a * (b - c)) + rho / 2 * np.sum((b - c) ** 2))
        for a, b, c in zip(lam, w, z)
    )


def pi(v, count):
    return np.where(slow_keep_mask(v, count), v, 0.0)


@dataclasses.dataclass
class Reference:
    w_prev: list
    z: list
    lam: list
    rho: float
    s: float
    k: int = 1
    r_prev: float = 0.0
    f_prev: float = math.nan
    first: bool = True
    tried: float = 0.0


def reference_counts(solver, way):
    share = 1.0
    if solver.ramp is not None:
        share = 1 - max(1 - way, 0) ** 3
    sizes = [math.prod(shape) for shape in SHAPES]
    return [
        size - round(share * (1 - n / size) * size)
        for size, n in zip(sizes, COUNTS)
    ]


def trial_of(solver):
    free = solver.free_support and solver.penalty == "decoupled"
    return solver.trial if free else 0.0


def reference_trial(solver, ref, w, f, steps):
    """Entries on trial shrink by the same factor at each step."""
    sizes = [math.prod(shape) for shape in SHAPES]
    kept = sum(COUNTS) / sum(sizes)
    least = kept ** (0.15 / (solver.trial * steps))
    now = norm(w[:1])
    angle = math.sqrt(max((now / ref.tried) ** 2 - 1, 0))
    left = max(least, min(32 * angle, 1))
    ref.rho, ref.tried = max(1 - left, 1e-12), left * now
    ref.s = solver.stepsize * ref.rho
    ref.z = [np.where(tried, 0.0, a) for tried, a in zip(SCALE_FREE, w)]
    ref.r_prev = norm(w)
    ref.w_prev, ref.f_prev, ref.first = w, f, False


def reference_begin(solver, w, tried=0.0, f=math.nan):
    z = [pi(a, n) for a, n in zip(w, reference_counts(solver, 0.0))]
    rho = solver.schedule(False)(0.0)
    return Reference(
        w_prev=w,
        z=z,
        lam=[np.zeros_like(a) for a in w],
        rho=rho,
        s=solver.stepsize * rho,
        r_prev=norm([a - b for a, b in zip(w, z)]) or norm(w),
        f_prev=f,
        tried=tried,
    )


def reference_update(solver, ref, w, f, progress):
    end = {"auto": 0.8, None: 1.0}.get(solver.freeze_at, solver.freeze_at)
    begin = trial_of(solver)
    way = min(max(progress - begin, 0.0) / (end - begin), 1.0)
    free = solver.free_support
    if free:
        support = [z != 0 for z in ref.z]
        z_prev = [np.where(k, p, 0.0) for k, p in zip(support, ref.w_prev)]
        ref.z = [np.where(k, a, 0.0) for k, a in zip(support, w)]
    else:
        z_prev = ref.z
    before = lagrangian(ref.f_prev, ref.w_prev, z_prev, ref.lam, ref.rho)
    now = lagrangian(f, w, ref.z, ref.lam, ref.rho)
    condition_1 = ref.first or now < before

    def step():
        r = norm([a - b for a, b in zip(w, ref.z)])
        if r > 0:
            a = 1 - 1 / (solver.M * ref.k ** (1 - 1 / ref.k**solver.r))
            ref.s = a * ref.s * (ref.r_prev / r if ref.r_prev else 1.0)
            if solver.stepsize_bound is not None:
                ref.s = min(ref.s, solver.stepsize_bound * ref.rho)
            ref.k += 1
            ref.r_prev = r
        ref.lam = [
            lam + ref.s * (a - b) for lam, a, b in zip(ref.lam, w, ref.z)
        ]

    if condition_1:
        step()
    old = lagrangian(f, w, ref.z, ref.lam, ref.rho)
    v = [a + lam / ref.rho for a, lam in zip(w, ref.lam)]
    decoupled = solver.penalty == "decoupled"
    frozen = solver.freeze_at is not None and progress >= end
    settles = decoupled and frozen
    if frozen and not settles:
        ref.z = [np.where(z != 0, a, 0.0) for z, a in zip(ref.z, v)]
    else:
        ref.z = [pi(a, n) for a, n in zip(v, reference_counts(solver, way))]
    condition_2 = lagrangian(f, w, ref.z, ref.lam, ref.rho) < old
    if condition_2:
        step()
    if free:
        ref.lam = [np.where(z != 0, 0.0, a) for z, a in zip(ref.z, ref.lam)]
        ref.z = [np.where(z != 0, a, 0.0) for z, a in zip(ref.z, w)]
    rho, ref.rho = ref.rho, 1.0 if settles else solver.schedule(False)(way)
    if decoupled:
        ref.lam = [
            np.zeros_like(a) if settles else a * ref.rho / rho for a in ref.lam
        ]
    if settles:
        w = ref.z
    ref.w_prev, ref.f_prev, ref.first = w, f, False
    return condition_1, condition_2

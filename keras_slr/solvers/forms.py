"""How `Z` and `Lam` are held beside `W`, and the passes over the three.

A training step reads them through one sum alone, the gradient of the penalty,
so they are held as what makes that sum short. Each entry has two numbers
beside `W`, both float32:

- `Held`, the papers' form: `Z` and `C = Lam - rho Z`. The gradient is
  `C + rho W` with one rho for all entries.
- `Free`, with the support of `Z` free of the penalty: `R` and `C = Lam`. The
  gradient is `C + R W`, where `R` is rho outside the support and zero on it.
  `Z` needs no room, being `W` on the support and zero elsewhere. So that a
  backend may choose which is faster, `C` on the support is infinite, which
  tells free entries from others without `R`, or zero, which leaves the sum as
  it is (`backend.FREE`).

The passes are written once for NumPy arrays and for backend tensors, of which
`xp` brings `dot`, `where`, `minimum`, `mask` (1.0 where true) and `free` (the
`C` of free entries), and work entry by entry, so that they can run on a block
of a tensor at a time. Masks are multiplied, not selected by: that is faster in
NumPy. The first number of an entry, `Z`, `R` or `A`, is called `a`.
"""

import dataclasses

# Every finite `C` is below it.
LARGEST = 3.4e38


@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums around the projection, with the `Lam` of the first half-step.

    Attributes:
        inner_before: `<Lam, W - Z>` with the old `Z`.
        square_before: `||W - Z||^2` with the old `Z`.
        inner: `<Lam, W - Z'>`.
        square: `||W - Z'||^2`.
        inner_outside: `<Lam, W>` outside the support of `Z'`.
        square_outside: `||W||^2` there.
    """

    inner_before: float
    square_before: float
    inner: float
    square: float
    inner_outside: float
    square_outside: float


class Held:
    """The papers' form: every entry is held to its `Z`."""

    @staticmethod
    def read(xp, w, a, c, rho):
        """Returns `Lam` and `W - Z`, both zero on free entries."""
        del xp
        return c + rho * a, w - a

    @staticmethod
    def support(xp, a, c):
        """Marks the entries in the support of `Z`."""
        del xp, c
        return a != 0

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        """Returns `Z`."""
        del cls, xp, w, c
        return a

    @classmethod
    def gap(cls, xp, w, a, c, rho):
        """Sums `<Lam, W - Z>` and `||W - Z||^2`."""
        lam, d = cls.read(xp, w, a, c, rho)
        return xp.dot(lam, d), xp.dot(d, d)

    @classmethod
    def norms(cls, xp, w, a, c, rho):
        """Sums `<Lam, W - Z>` and the squares of `W - Z`, `Lam` and `W`."""
        lam, d = cls.read(xp, w, a, c, rho)
        return xp.dot(lam, d), xp.dot(d, d), xp.dot(lam, lam), xp.dot(w, w)

    @classmethod
    def settled(cls, xp, w, a, c, bound):
        """Counts the entries outside the support with `|W| <= bound`."""
        outside = xp.mask(~cls.support(xp, a, c))
        return (xp.dot(outside, xp.mask(abs(w) <= bound)),)

    @classmethod
    def lift(cls, xp, w, a, c, rho, s):
        """Returns `Lam` after the first half-step, and `W + Lam / rho`."""
        lam, d = cls.read(xp, w, a, c, rho)
        lam = lam + s * d
        return lam, w + lam / rho

    @staticmethod
    def square(xp, w, a, c):
        """Sums `||W||^2`."""
        del a, c
        return (xp.dot(w, w),)

    @classmethod
    def project(cls, xp, w, a, c, keep, rho, s):
        """Sums `Sums` for `Z' = Pi(W + Lam / rho)` with the support `keep`."""
        lam, d_before = cls.read(xp, w, a, c, rho)
        lam = lam + s * d_before
        keep = xp.mask(keep)
        outside = w * (1.0 - keep)
        d = outside + keep * (w - (w + lam / rho))
        return (
            xp.dot(lam, d_before),
            xp.dot(d_before, d_before),
            xp.dot(lam, d),
            xp.dot(d, d),
            xp.dot(lam, outside),
            xp.dot(outside, outside),
        )

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        """Returns `a` and `c` after both half-steps, for the next rho.

        `scale` multiplies the new `Lam`.
        """
        lam, v = cls.lift(xp, w, a, c, rho, s_1)
        z = xp.where(keep, v, 0.0)
        lam = scale * (lam + s_2 * (w - z))
        return z, lam - rho_next * z


class Masked(Held):
    """Entries outside the support are zero, and no multiplier acts."""

    @staticmethod
    def read(xp, w, a, c, rho):
        del xp, rho
        return c, w * (1.0 - a)

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        return w * a

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        return xp.mask(keep), c


class Free(Held):
    """The support of `Z` trains free of the penalty, and `Z` follows it."""

    @staticmethod
    def read(xp, w, a, c, rho):
        del rho
        bound = xp.mask(a > 0)
        return xp.minimum(c, LARGEST) * bound, w * bound

    @staticmethod
    def support(xp, a, c):
        del xp, c
        return a <= 0

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        return w * xp.mask(cls.support(xp, a, c))

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        lam, _ = cls.lift(xp, w, a, c, rho, s_1)
        c = xp.where(keep, xp.free, scale * (lam + s_2 * w))
        return rho_next * (1.0 - xp.mask(keep)), c

    @classmethod
    def mark(cls, xp, w, a, c):
        """Returns `a` and `c` with free entries marked for this backend."""
        del w
        return a, xp.where(cls.support(xp, a, c), xp.free, c)

"""How `Z` and `Lam` are stored beside `W`, and the passes over the three.

A training step needs only the gradient of the penalty, so the stored numbers
make that gradient cheap. Each entry of `W` has two of them, both float32:

- `Held`, the papers' form: `Z` and `C = Lam - rho Z`. The gradient is
  `C + rho W` with one rho for all entries.
- `Free`, with the support of `Z` free of the penalty: `R` and `C = Lam`. The
  gradient is `C + R W`, where `R` is rho outside the support and zero on it.
  `Z` is not stored: it is `W` on the support and zero elsewhere. On the
  support, `C` is either infinite, which marks free entries without reading
  `R`, or zero, which leaves the gradient at zero; each backend uses what is
  faster (`backend.FREE`).
- `OnGrid` is `Held` for weights whose kept entries have to lie on a grid. The
  projection then is no mask but the points `Z'` themselves.
- `Masked` and `Latent`, without multipliers, see there.

The passes are written once for NumPy arrays and for backend tensors, and work
entry by entry, so that they can run on a block of a tensor at a time. `xp`
brings what differs:

- `free`, the `C` of free entries, and `infinite`;
- `dot(x, y)` and `count(condition)`;
- `number(condition)`, one where true and zero elsewhere;
- `mask(condition)`, for `only(mask, x)`, which is `x` where true and zero
  elsewhere, and for `either(mask, x, y)`; `~mask` is its complement.

The first number of an entry, `Z`, `R` or `A`, is called `a`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums before and after a projection, with `Lam` of the first half-step.

    Attributes:
        inner_before: `<Lam, W - Z>` with the old `Z`.
        square_before: `||W - Z||^2` with the old `Z`.
        inner: `<Lam, W - Z'>`.
        square: `||W - Z'||^2`.
        inner_outside: `<Lam, W>` outside the support of `Z'`. On a grid no
            entry is free, and this is `inner`.
        square_outside: `||W||^2` there; on a grid `square`.
    """

    inner_before: float
    square_before: float
    inner: float
    square: float
    inner_outside: float
    square_outside: float


class Held:
    """The papers' form: the penalty pulls every entry towards its `Z`."""

    @staticmethod
    def strength(slot, rho):
        """Returns what a weight's penalty has as `R`: here all have `rho`."""
        del slot
        return rho

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
    def projected(cls, xp, a, c):
        """Returns what the other passes take as `keep` to leave `Z`."""
        return cls.support(xp, a, c)

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
        outside = ~cls.support(xp, a, c)
        return (xp.count(outside & (abs(w) <= bound)),)

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
        """Computes the sums over `Z' = Pi(W + Lam / rho)` with support `keep`.

        Returns:
            The last four numbers of `Sums`.
        """
        lam, d = cls.read(xp, w, a, c, rho)
        lam = lam + s * d
        keep = xp.mask(keep)
        outside = xp.only(~keep, w)
        d = xp.either(keep, w - (w + lam / rho), w)
        return (
            xp.dot(lam, d),
            xp.dot(d, d),
            xp.dot(lam, outside),
            xp.dot(outside, outside),
        )

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        """Returns `a` and `c` for the next rho, after both half-steps.

        `scale` multiplies the new `Lam`.
        """
        lam, v = cls.lift(xp, w, a, c, rho, s_1)
        z = xp.only(xp.mask(keep), v)
        lam = scale * (lam + s_2 * (w - z))
        return z, lam - rho_next * z


class OnGrid(Held):
    """The papers' form with points `Z'` on a grid instead of a mask."""

    @classmethod
    def projected(cls, xp, a, c):
        del xp, c
        # A copy: on a CPU this is the variable's own memory.
        return a + 0.0

    @classmethod
    def project(cls, xp, w, a, c, keep, rho, s):
        lam, d = cls.read(xp, w, a, c, rho)
        lam = lam + s * d
        d = w - keep
        inner, square = xp.dot(lam, d), xp.dot(d, d)
        return inner, square, inner, square

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        lam, _ = cls.lift(xp, w, a, c, rho, s_1)
        lam = scale * (lam + s_2 * (w - keep))
        return keep, lam - rho_next * keep


class Masked(Held):
    """Entries outside the support are zero; there are no multipliers."""

    @staticmethod
    def read(xp, w, a, c, rho):
        del xp, rho
        return c, w * (1.0 - a)

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        return w * a

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        return xp.number(keep), c


class Latent(Held):
    """The model computes with `f(U)`, and the optimizer trains `U`.

    `f` is a pruning function, see `solvers.pruning_function`. `a` holds `U`,
    and `c` what it was at the last update; where `c` is infinite, the entry is
    held at zero. `Z` has the entries above their threshold, and there are no
    multipliers.
    """

    @staticmethod
    def support(xp, a, c):
        del xp, a
        return abs(c) < float("inf")

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        # At the threshold, `f` is half of `U`.
        above = (2.0 * abs(w) >= abs(a)) & (w != 0)
        return w * xp.number(above)

    @classmethod
    def read(cls, xp, w, a, c, rho):
        del rho
        return 0.0 * w, w - cls.auxiliary(xp, w, a, c)

    @classmethod
    def settled(cls, xp, w, a, c, bound):
        del a, c
        return (xp.count(abs(w) <= bound),)

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        keep = xp.mask(keep)
        u = xp.only(keep, a)
        return u, xp.either(keep, u, xp.infinite)


class Free(Held):
    """The support of `Z` trains free of the penalty, and `Z` follows it."""

    @staticmethod
    def strength(slot, rho):
        del rho
        return slot.a

    @staticmethod
    def read(xp, w, a, c, rho):
        del rho
        bound = xp.mask(a > 0)
        return xp.only(bound, c), xp.only(bound, w)

    @classmethod
    def gap(cls, xp, w, a, c, rho):
        lam, d = cls.read(xp, w, a, c, rho)
        # Products with W are NaN in the support, too, where a weight is.
        return xp.dot(lam, w), xp.dot(d, d)

    @staticmethod
    def support(xp, a, c):
        del xp, c
        return a <= 0

    @classmethod
    def auxiliary(cls, xp, w, a, c):
        return w * xp.number(cls.support(xp, a, c))

    @classmethod
    def ascend(cls, xp, w, a, c, keep, rho, s_1, s_2, rho_next, scale):
        lam, d = cls.read(xp, w, a, c, rho)
        lam = scale * (lam + s_1 * d + s_2 * w)
        outside = xp.mask(~keep)
        return xp.only(outside, rho_next), xp.either(outside, lam, xp.free)

    @classmethod
    def mark(cls, xp, w, a, c):
        """Returns `a` and `c` with the marks that this backend uses."""
        del w
        return a, xp.either(xp.mask(a > 0), c, xp.free)

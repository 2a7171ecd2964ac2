"""How alike the values of units are, without data.

The inputs of every layer are taken to be white noise, and a constant to be one
more input. Then the filters alone say what the mean of the product of two
units' values is.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """Second moments of the values of units at one place of a model.

    The value of unit `j` is `X_j + t_j`. Two units have the same value for
    all inputs if they have the same rows in `gram`, seen as the products of
    vectors, and the same constants.

    Attributes:
        units: Integer array of shape `(units,)`, their numbers, ascending.
        gram: Float array of shape `(units, units)`, `E[X_i X_j]`.
        constants: Float array of shape `(units,)`, `t`.
        scales: Boolean, whether a unit that has another one's vector, times a
            positive number, has its value times this number. If not, `gram`
            describes the units, but its scale says nothing.
    """

    units: np.ndarray
    gram: np.ndarray
    constants: np.ndarray
    scales: bool = True

    @classmethod
    def of_filters(cls, units, filters):
        """Returns the moments of sums, weighted by filters.

        Args:
            units: See `Moments`.
            filters: Float array of shape `(units, inputs)`.
        """
        return cls(units, filters @ filters.T, np.zeros(len(units)))

    def at(self, units):
        """Returns the moments of some units; those not here are zero."""
        here = np.isin(units, self.units)
        found = np.searchsorted(self.units, units[here])
        gram = np.zeros((len(units), len(units)))
        gram[np.ix_(here, here)] = self.gram[np.ix_(found, found)]
        constants = np.zeros(len(units))
        constants[here] = self.constants[found]
        return Moments(units, gram, constants, self.scales)

    def closed(self):
        """Returns the moments with the constants as one more input."""
        gram = self.gram + np.outer(self.constants, self.constants)
        return dataclasses.replace(
            self, gram=gram, constants=np.zeros(len(self.units))
        )

    def scaled(self, factors):
        """Multiplies each unit, or filters it, with factors of its own.

        Args:
            factors: Float array of shape `(units, factors)`. With more than
                one, they act on inputs that are not correlated.
        """
        x = self if factors.shape[1] == 1 else self.closed()
        products = factors @ factors.T
        gram = x.gram * products
        if not x.scales:
            # Equal vectors are then not enough: equal factors have to be, too.
            gram = gram + products
        constants = x.constants * factors[:, 0]
        return dataclasses.replace(x, gram=gram, constants=constants)

    def shifted(self, shifts):
        """Adds constants.

        Args:
            shifts: Float array of shape `(units, shifts)`. Several belong to
                several positions.
        """
        if shifts.shape[1] == 1:
            return dataclasses.replace(
                self, constants=self.constants + shifts[:, 0]
            )
        x = self.closed()
        return dataclasses.replace(x, gram=x.gram + shifts @ shifts.T)

    def activated(self, slopes):
        """Applies an element-wise function.

        For a rectifier this is the arc-cosine kernel of degree one (Cho and
        Saul, Kernel Methods for Deep Learning, 2009): for an angle `a`
        between `u` and `v`, the mean of `relu(u) relu(v)` is
        `|u| |v| (sin a + (pi - a) cos a) / (2 pi)`. With other slopes, the
        function is `b x + (p - b) relu(x)`, and the mean of `u relu(v)` is
        half that of `u v`.

        Args:
            slopes: Pair of floats, the slopes `p` for positive and `b` for
                negative numbers, or `None` for a function that bends
                elsewhere.
        """
        x = self if slopes == (1.0, 1.0) else self.closed()
        if slopes is None:
            return dataclasses.replace(x, scales=False)
        if not x.scales:
            return x
        up, down = slopes
        bend = up - down
        gram = down * (down + bend) * x.gram
        if bend:
            gram = gram + bend**2 * _rectified(x.gram)
        return dataclasses.replace(x, gram=gram)

    def coefficients(self):
        """Returns by what to multiply a unit to get nearest to another one.

        Returns:
            Float array of shape `(units, units)`: `c` at `[j, r]` minimises
            `E (X_j - c X_r)^2` over `c >= 0`. It is one where scales mean
            nothing.
        """
        if not self.scales:
            return np.ones_like(self.gram)
        power = np.diag(self.gram)
        with np.errstate(divide="ignore", invalid="ignore"):
            c = np.where(power > 0, self.gram / power, 0.0)
        return np.maximum(c, 0.0)

    def errors(self):
        """Returns what is lost where one unit stands for another.

        Returns:
            Float array of shape `(units, units)`: the least
            `E (X_j - c X_r)^2` at `[j, r]`, see `coefficients`.
        """
        power = np.diag(self.gram)
        c = self.coefficients()
        errors = power[:, None] - 2 * c * self.gram + c**2 * power
        # Rounding leaves traces of the powers.
        noise = 1e-12 * (power[:, None] + c**2 * power)
        return np.where(errors > noise, errors, 0.0)

    def likeness(self):
        """Returns the moments on a scale on which their distances count."""
        power = np.diag(self.gram)
        if self.scales:
            norms = np.sqrt(np.where(power > 0, power, 1.0))
            return self.gram / np.outer(norms, norms)
        return self.gram / (power.mean() or 1.0)


def joined(parts, function, scales=True):
    """Returns the moments of a function of several values of each unit.

    Args:
        parts: List of `Moments`.
        function: Function of a list of Gram matrices and of a list of
            constants that returns both for the result.
        scales: Boolean, whether a common factor of the parts is one of the
            result. Defaults to `True`.
    """
    units = np.unique(np.concatenate([part.units for part in parts]))
    parts = [part.at(units) for part in parts]
    gram, constants = function(
        [part.gram for part in parts], [part.constants for part in parts]
    )
    scales = scales and all(part.scales for part in parts)
    return Moments(units, gram, constants, scales)


def _rectified(gram):
    norms = np.sqrt(np.diag(gram))
    norms = np.outer(norms, norms)
    cosine = np.divide(gram, norms, out=np.zeros_like(gram), where=norms > 0)
    cosine = np.clip(cosine, -1.0, 1.0)
    angle = np.arccos(cosine)
    return norms * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)

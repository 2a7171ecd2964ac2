"""Pruning with a bound on the number of entries, in two models of a layer.

Model A is for any activation: `min ||X W - Y||^2` for `W` in the set. Model B
is for a ReLU. It is the same on the entries of `Y` that pass the ReLU; on the
others only what exceeds zero counts, `max(0, X W)^2`. Both are minimized by
gradient descent with hard thresholding, on inputs of mean square one, and end
with least squares on the support.
"""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE

# An output above zero by less than this share of the outputs' root mean
# square violates nothing.
VIOLATED = 1e-6
# Keeps the least squares of columns with too few rows solvable.
FLOOR = 1e-10
# Newton steps for a column; they end by themselves long before.
STEPS = 50


@register_layer_solver("l0", PACKAGE)
@dataclasses.dataclass(frozen=True)
class L0Constrained(LayerSolver):
    """Least squares with a bound on the number of entries, any structure.

    It follows "Pruning Deep Neural Networks with l0-constrained Optimization"
    (Phan, Nguyen, Nguyen and Kalagnanam, ICDM 2020). The paper has one model
    of a layer for any activation and one for ReLUs, and solves them with
    cutting planes. Only its abstract was available, so this is not its exact
    algorithm.

    Model A is minimized by accelerated gradient descent with hard
    thresholding, from the dense kernel and with step `1 / sigma_max`. In
    front of a ReLU, model B continues from there. It adds its hinges, the
    terms `max(0, X W)^2`, in rounds. For every output, a round adds those of
    the most violated rows, at most as many as the output has non-zero
    weights. The rounds end when no other row is violated or the error no
    longer falls.

    The descent need not find the best mask. Where inputs are strongly
    correlated, it can end far from it.

    Args:
        iterations: Integer, at least 1, the largest number of gradient steps,
            in model B for each round. Defaults to `100`.
        tolerance: Positive float, the relative decrease of the error below
            which steps or rounds end. Defaults to `1e-4`.

    Raises:
        ValueError: If a number is outside its range.
    """

    iterations: int = 100
    tolerance: float = 1e-4

    needs_samples = True

    def __post_init__(self):
        super().__post_init__()
        if self.iterations < 1:
            raise ValueError(
                "Expected `iterations` of L0Constrained to be at least 1. "
                f"Received: iterations={self.iterations}."
            )
        if self.tolerance <= 0:
            raise ValueError(
                "Expected a positive `tolerance` of L0Constrained. Received: "
                f"tolerance={self.tolerance}."
            )

    def solve(self, problem):
        w = solve_a(self, problem)
        if problem.samples is None or not problem.samples.rectified:
            return w
        return solve_b(self, problem, w)


@dataclasses.dataclass(frozen=True)
class ModelA:
    """Objective `1/2 tr (V - V_1)' A (V - V_1)`, with `A_ii = 1`.

    Attributes:
        a: Array `A` of shape `(groups, inputs, inputs)`.
        right: Array `A V_1` of shape `(groups, inputs, outputs)`.
        target: Array `V_1` like `right`.
    """

    a: np.ndarray
    right: np.ndarray
    target: np.ndarray

    def image(self, v):
        return self.a @ v

    def value(self, v, image):
        return 0.5 * float(np.vdot(v - self.target, image - self.right))

    def gradient(self, v, image):
        del v
        return image - self.right


@dataclasses.dataclass(frozen=True)
class ModelB:
    """Squares of residuals on `omega`, and squared hinges on `cut`.

    Attributes:
        x: Array of shape `(groups, rows, inputs)`.
        goal: Array `Y - b` on `omega`, `-b` off it, of shape
            `(groups, rows, outputs)`.
        omega: Boolean array like `goal`, the entries that pass the ReLU.
        cut: Boolean array like `goal`, the other entries that count.
        target: Array `V_1` of shape `(groups, inputs, outputs)`.
        damping: Array of shape `(groups, inputs, 1)`, the weights of
            `1/2 (V - V_1)^2`.
    """

    x: np.ndarray
    goal: np.ndarray
    omega: np.ndarray
    cut: np.ndarray
    target: np.ndarray
    damping: np.ndarray

    def image(self, v):
        return self.x @ v

    def residual(self, image):
        gap = image - self.goal
        return np.where(self.omega | (self.cut & (gap > 0)), gap, 0.0)

    def value(self, v, image):
        residual, change = self.residual(image), v - self.target
        return 0.5 * float(
            np.vdot(residual, residual) + np.vdot(change, self.damping * change)
        )

    def gradient(self, v, image):
        change = self.damping * (v - self.target)
        return self.x.swapaxes(1, 2) @ self.residual(image) + change

    def everywhere(self):
        """Returns the model with all hinges."""
        return dataclasses.replace(self, cut=~self.omega)


def scaled(problem):
    """Returns root mean squares of inputs, `A`, and steps `1 / sigma_max`."""
    size = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))[:, :, None]
    a = problem.gram / (size * size.swapaxes(1, 2))
    return size, a, 1.0 / np.linalg.eigvalsh(a)[:, -1, None, None]


def solve_a(solver, problem):
    """Returns the kernel of model A."""
    size, a, step = scaled(problem)
    target = size * problem.target
    model = ModelA(a, a @ target, target)
    v = descend(solver, model, target, step, problem.nearest)
    return least_squares(problem.gram, problem.target, v != 0.0, start=v / size)


def descend(solver, model, start, step, nearest):
    """Minimizes a model over a set by accelerated hard thresholding.

    A step that would raise the error is taken again without momentum, which
    cannot raise it.

    Args:
        solver: `L0Constrained`.
        model: `ModelA` or `ModelB`.
        start: Array of shape `(groups, inputs, outputs)`.
        step: Array of shape `(groups, 1, 1)`.
        nearest: Function that returns the support of a projection.

    Returns:
        Array like `start`, an element of the set.
    """
    v = np.where(nearest(start), start, 0.0)
    image = model.image(v)
    value = model.value(v, image)
    last, last_image, t = v, image, 1.0
    for _ in range(solver.iterations):
        t_next = (1.0 + np.sqrt(1.0 + 4.0 * t * t)) / 2.0
        momentum = (t - 1.0) / t_next
        ahead = v + momentum * (v - last)
        ahead_image = image + momentum * (image - last_image)
        ahead = ahead - step * model.gradient(ahead, ahead_image)
        new = np.where(nearest(ahead), ahead, 0.0)
        new_image = model.image(new)
        new_value = model.value(new, new_image)
        if new_value >= value:
            if momentum == 0.0:
                break
            last, last_image, t = v, image, 1.0
            continue
        fallen = value - new_value
        last, last_image, t = v, image, t_next
        v, image, value = new, new_image, new_value
        if fallen <= solver.tolerance * value:
            break
    return v


def model_b(problem, size):
    """Returns model B without hinges, divided by the number of rows."""
    samples = problem.samples
    x = np.asarray(samples.inputs, float)
    rows = x.shape[1]
    y = np.asarray(samples.outputs, float)
    bias = np.asarray(samples.bias, float)[:, None, :]
    omega = y > 0
    # The same damping as in the Gram matrix, except for inputs without data.
    added = size[:, :, 0] ** 2 - np.sum(x**2, axis=1) / rows
    damping = np.maximum(np.median(added, axis=1), 0.0)[:, None, None]
    return ModelB(
        x=x / size.swapaxes(1, 2) / np.sqrt(rows),
        goal=np.where(omega, y - bias, -bias) / np.sqrt(rows),
        omega=omega,
        cut=np.zeros(y.shape, bool),
        target=size * problem.target,
        damping=damping / size**2 + FLOOR,
    )


def solve_b(solver, problem, w):
    """Returns the kernel of model B, from that of model A."""
    size, _, step = scaled(problem)
    model = model_b(problem, size)
    whole = model.everywhere()
    slack = VIOLATED * np.sqrt(np.mean(model.goal**2) or 1.0)
    v = best = size * w
    least = whole.value(v, whole.image(v))
    before = np.inf
    while True:
        v = descend(solver, model, v, step, problem.nearest)
        v = refit(model, v)
        image = model.image(v)
        value = whole.value(v, image)
        if value < least:
            best, least = v, value
        violation = np.where(model.omega | model.cut, 0.0, image - model.goal)
        if value >= (1.0 - solver.tolerance) * before or not np.any(
            violation > slack
        ):
            break
        before = value
        most = np.count_nonzero(v, axis=1)[:, None, :]
        model = dataclasses.replace(
            model, cut=model.cut | most_violated(violation, slack, most)
        )
    # On its support, all rows that are violated have to count.
    return refit(whole, best) / size


def most_violated(violation, slack, most):
    """Marks the rows with the largest violations of each output.

    Args:
        violation: Array of shape `(groups, rows, outputs)`.
        slack: Float, above which a violation counts.
        most: Array of shape `(groups, 1, outputs)`, the largest number of
            rows; at least one is marked.

    Returns:
        Boolean array like `violation`.
    """
    order = np.argsort(-violation, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return (violation > slack) & (rank < np.maximum(most, 1))


def refit(model, v):
    """Minimizes model B on the support of `v`, column by column."""
    result = v.copy()
    for group, output in np.ndindex(v.shape[0], v.shape[2]):
        kept = np.flatnonzero(v[group, :, output])
        column = newton(
            model.x[group][:, kept],
            model.goal[group, :, output],
            model.omega[group, :, output],
            model.cut[group, :, output],
            model.target[group, kept, output],
            model.damping[group, kept, 0],
            v[group, kept, output],
        )
        result[group, kept, output] = column
    return result


def newton(x, goal, omega, cut, target, damping, w):
    """Minimizes model B over one column, from `w`.

    The objective is quadratic as long as the same hinges are active: a Newton
    step ends at the minimum if they stay so. Steps that would raise the
    objective are halved.
    """

    def active(w):
        return omega | (cut & (x @ w > goal))

    def value(w):
        residual = np.where(active(w), x @ w - goal, 0.0)
        return residual @ residual + damping @ (w - target) ** 2

    now = value(w)
    for _ in range(STEPS):
        rows = active(w)
        part = x[rows]
        hessian = part.T @ part + np.diag(damping)
        right = part.T @ goal[rows] + damping * target
        step = np.linalg.solve(hessian, right) - w
        length, new = 1.0, value(w + step)
        while new > now and length > 1e-3:
            length /= 2
            new = value(w + length * step)
        if new >= now:
            break
        w, now = w + length * step, new
        if length == 1.0 and np.array_equal(active(w), rows):
            break
    return w

"""Net-Trim: a convex program for a sparse kernel within an error bound.

For the rows `X` of the inputs of a layer and its dense outputs `Y`:

    min ||W||_1  with  ||(X W + b - Y)_Omega||_F <= eps
                  and  (X W + b) <= 0 off Omega

`Omega` are the entries of `Y` that pass the ReLU after the layer, or all of
them without a ReLU. The bias `b` stays as it is.
"""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE
from keras_slr.structures import Unstructured

# Every so many iterations, the residuals are compared: with the tolerance,
# and with each other for the penalty weight.
INTERVAL = 10
# Boyd et al., section 3.4.1: the penalty weight doubles or halves where one
# residual is ten times the other.
IMBALANCE, FACTOR = 10.0, 2.0
# The search for epsilon ends within this share of the non-zeros asked for ...
NEAR = 0.01
# ... or after this many halvings.
HALVINGS = 12


@register_layer_solver("net-trim", PACKAGE)
@dataclasses.dataclass(frozen=True)
class NetTrim(LayerSolver):
    """Net-Trim, a convex program for each layer, for unstructured sparsity.

    It solves Net-Trim (Aghasi, Abdi, Nguyen and Romberg, NIPS 2017) by the
    ADMM of "Fast Convex Pruning of Deep Neural Networks" (arXiv 1806.06457),
    which needs one factorization for each layer. The residuals set the
    penalty weight (Boyd et al., Distributed Optimization and Statistical
    Learning via the Alternating Direction Method of Multipliers, 2011,
    section 3.4.1) and the end of the run (section 3.3).

    On the inputs of the pruned model, even the best dense kernel fulfils the
    constraints only up to some error. `eps` is therefore at least that error,
    and the bound off `Omega` at least what that kernel gives.

    Args:
        epsilon: Float in `[0, 1]` or `None`. With a number, the program
            decides how many weights become zero, and the error of the layer's
            outputs is at most this fraction of their norm. With `None`, a
            bisection finds the smallest error at which no more entries are
            left than the pruning rate asks for. Defaults to `None`.
        tolerance: Positive float, the relative residuals at which a run
            ends. Defaults to `1e-3`.
        iterations: Integer, at least 1, the largest number of iterations for
            one epsilon. Defaults to `1000`.

    Raises:
        ValueError: If a number is outside its range.
    """

    epsilon: float | None = None
    tolerance: float = 1e-3
    iterations: int = 1000

    needs_samples = True
    uses_damping = False

    def __post_init__(self):
        super().__post_init__()
        if self.epsilon is not None and not 0 <= self.epsilon <= 1:
            raise ValueError(
                "Expected `epsilon` of NetTrim in [0, 1], a fraction of the "
                f"norm of a layer's outputs. Received: epsilon={self.epsilon}."
            )
        if self.tolerance <= 0:
            raise ValueError(
                "Expected a positive `tolerance` of NetTrim. Received: "
                f"tolerance={self.tolerance}."
            )
        if self.iterations < 1:
            raise ValueError(
                "Expected `iterations` of NetTrim to be at least 1. "
                f"Received: iterations={self.iterations}."
            )

    @property
    def chooses_rate(self):
        return self.epsilon is not None

    def refusal(self, structure):
        if isinstance(structure, Unstructured):
            return None
        return (
            "NetTrim minimizes the sum of the magnitudes of single entries, "
            "which suits unstructured sparsity only"
        )

    def solve(self, problem):
        programs = [
            Program.of(problem, group) for group in range(len(problem.target))
        ]
        starts = [first_state(program) for program in programs]
        if self.epsilon is not None:
            return kernel(advance(self, programs, starts, self.epsilon))
        w = kernel(search(self, programs, starts, problem))
        return np.where(problem.nearest(w), w, 0.0)


@dataclasses.dataclass(frozen=True)
class Program:
    """The convex program of one group, with `T = Y - b` and `V = -b`.

    Inputs and right-hand sides are divided by `c_0`, so that one penalty
    weight suits both constraints.

    Attributes:
        x: Array `X` of shape `(rows, inputs)`.
        inverse: Array `(X'X + I)^-1`.
        goal: Array of shape `(rows, outputs)`: `T` on `Omega`, the bound off
            it.
        omega: Boolean array like `goal`.
        norm: Float, `||Y||_F`, which epsilon is relative to.
        least: Float, the smallest `eps`: the error of `target`.
        target: Array of shape `(inputs, outputs)`, for which the constraints
            hold at the smallest `eps`.
    """

    x: np.ndarray
    inverse: np.ndarray
    goal: np.ndarray
    omega: np.ndarray
    norm: float
    least: float
    target: np.ndarray

    @classmethod
    def of(cls, problem, group):
        """Returns the program of a group of a `LayerProblem`."""
        samples, target = problem.samples, problem.target[group]
        x = np.asarray(samples.inputs[group], float)
        y = np.asarray(samples.outputs[group], float)
        bias = np.asarray(samples.bias[group], float)
        omega = y > 0 if samples.rectified else np.ones(y.shape, bool)
        product = x @ target
        goal = np.where(omega, y - bias, np.maximum(product, -bias))
        gram = x.T @ x
        # The papers' c_0; inputs that are all zero need no scale.
        scale = 0.3 * np.sqrt(np.max(np.abs(gram), initial=0.0)) or 1.0
        gram = gram / scale**2 + np.eye(len(gram))
        # No eigenvalue is below one: the inverse is as good as the factor.
        factor = np.linalg.inv(np.linalg.cholesky(gram))
        return cls(
            x=x / scale,
            inverse=factor.T @ factor,
            goal=goal / scale,
            omega=omega,
            norm=float(np.linalg.norm(y[omega])) / scale,
            least=float(np.linalg.norm((product - goal)[omega])) / scale,
            target=target,
        )

    def feasible(self, product, eps):
        """Returns the products nearest to some that fulfil the constraints."""
        gap = np.where(self.omega, product - self.goal, 0.0)
        size = float(np.linalg.norm(gap))
        within = self.goal + gap * (eps / size if size > eps else 1.0)
        return np.where(self.omega, within, np.minimum(product, self.goal))


@dataclasses.dataclass(frozen=True)
class State:
    """The state after an iteration, with the papers' symbols.

    Attributes:
        w_1: Array of shape `(rows, outputs)`, products that fulfil the
            constraints.
        w_2: Array of shape `(inputs, outputs)`, the sparse kernel.
        w_3: Array like `w_2`, the kernel that ties the two together.
        product: Array like `w_1`, the products of `w_3`.
        u_1: Array like `w_1`, multipliers divided by `rho`.
        u_2: Array like `w_2`, multipliers divided by `rho`.
        rho: Float, the penalty weight.
    """

    w_1: np.ndarray
    w_2: np.ndarray
    w_3: np.ndarray
    product: np.ndarray
    u_1: np.ndarray
    u_2: np.ndarray
    rho: float


def first_state(program):
    """Returns the state at the target.

    The first penalty weight shrinks entries by their mean magnitude.
    """
    w = program.target
    product = program.x @ w
    size = float(np.mean(np.abs(w))) if w.size else 0.0
    return State(
        w_1=product,
        w_2=w,
        w_3=w,
        product=product,
        u_1=np.zeros_like(product),
        u_2=np.zeros_like(w),
        rho=1.0 / size if size else 1.0,
    )


def iterate(program, state, eps):
    """Returns the state after one iteration (arXiv 1806.06457, section 3)."""
    w_1 = program.feasible(state.product - state.u_1, eps)
    w_2 = soft(state.w_3 - state.u_2, 1.0 / state.rho)
    right = program.x.T @ (w_1 + state.u_1) + w_2 + state.u_2
    w_3 = program.inverse @ right
    product = program.x @ w_3
    return State(
        w_1=w_1,
        w_2=w_2,
        w_3=w_3,
        product=product,
        u_1=state.u_1 + w_1 - product,
        u_2=state.u_2 + w_2 - w_3,
        rho=state.rho,
    )


def soft(w, threshold):
    """Moves entries towards zero by a threshold, and not beyond."""
    return w - np.clip(w, -threshold, threshold)


def residuals(before, state):
    """Returns how far a state is from the optimum.

    Returns:
        Two floats: how much `W_1` and `W_2` differ from what `W_3` gives,
        relative to their norm, and how far the multipliers are from those of
        the optimum, relative to the norm of a subgradient of `||W||_1` that
        is 1 everywhere.
    """
    gaps = (state.w_1 - state.product, state.w_2 - state.w_3)
    sizes = (state.product, state.w_3)
    # What X (W_3 - W_3 before) and W_3 - W_3 before change in the gradients.
    steps = (state.product - before.product, state.w_3 - before.w_3)
    primal = norm(*gaps) / max(norm(*sizes), np.finfo(float).tiny)
    dual = state.rho * norm(*steps) / np.sqrt(max(state.w_3.size, 1))
    return primal, dual


def norm(*arrays):
    """Returns the norm of the entries of all arrays."""
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))


def run(solver, program, state, eps):
    """Iterates until both residuals are below the solver's tolerance."""
    for iteration in range(1, solver.iterations + 1):
        before = state
        state = iterate(program, before, eps)
        if iteration % INTERVAL:
            continue
        primal, dual = residuals(before, state)
        if max(primal, dual) <= solver.tolerance:
            break
        if primal > IMBALANCE * dual:
            state = with_rho(state, state.rho * FACTOR)
        elif dual > IMBALANCE * primal:
            state = with_rho(state, state.rho / FACTOR)
    return state


def with_rho(state, rho):
    """Returns a state with another penalty weight and equal multipliers."""
    ratio = state.rho / rho
    return dataclasses.replace(
        state, u_1=state.u_1 * ratio, u_2=state.u_2 * ratio, rho=rho
    )


def advance(solver, programs, states, epsilon):
    """Returns the states of all groups after a run for an epsilon."""
    return [
        run(
            solver,
            program,
            state,
            max(epsilon * program.norm, program.least),
        )
        for program, state in zip(programs, states)
    ]


def kernel(states):
    """Returns the sparse kernel, a stack with one matrix for each group."""
    return np.stack([state.w_2 for state in states])


def search(solver, programs, states, problem):
    """Bisects on epsilon, each run starting where the last one ended.

    Args:
        solver: `NetTrim`.
        programs: List of `Program`, one for each group.
        states: List of `State`, from which the first run starts.
        problem: `LayerProblem`.

    Returns:
        List of `State`: those with the most non-zeros that the set of the
        problem allows, or with the fewest if no epsilon gives so few.
    """
    count = np.count_nonzero(problem.nearest(problem.target))
    low, high = 0.0, 1.0
    best = None
    for _ in range(HALVINGS):
        epsilon = (low + high) / 2
        states = advance(solver, programs, states, epsilon)
        left = np.count_nonzero(kernel(states))
        if left <= count:
            best, high = states, epsilon
            if left >= (1 - NEAR) * count:
                break
        else:
            low = epsilon
    return states if best is None else best

"""One pruning run on one model: tensors, hooks and state in checkpoints."""

import dataclasses

from keras import ops

from keras_slr.checkpoints.state_in_optimizer import PRUNED
from keras_slr.checkpoints.state_in_optimizer import ZERO_SHARE
from keras_slr.checkpoints.state_in_optimizer import CarriedSlots
from keras_slr.checkpoints.state_in_optimizer import carrier_of
from keras_slr.checkpoints.state_in_optimizer import check_free
from keras_slr.keras_internals.optimizers import untrack
from keras_slr.planning.constraints import constraints_of
from keras_slr.scores.scorer import Scorer
from keras_slr.solvers import forms
from keras_slr.training.by_form import nearest
from keras_slr.training.by_form import renew_marks
from keras_slr.training.chosen import holds
from keras_slr.training.coverage import Coverage
from keras_slr.training.figures import residual
from keras_slr.training.hook import hooks_for
from keras_slr.training.latent_split import LatentSplit
from keras_slr.training.learning_rate import learning_rate_of
from keras_slr.training.lent_variables import Lender
from keras_slr.training.new_trace import NewTrace
from keras_slr.training.settled_statistics import SettledStatistics
from keras_slr.training.split import Split


class Run:
    """Attaches a split to a model's optimizer and keeps it in checkpoints.

    Args:
        model: Keras model, compiled and built.
        plan: `Plan`.
        solver: `solvers.Solver`.
        clock: `training.clock.Clock`.
        position: See `checkpoints.state_in_optimizer.Carrier`.
        optimizers: `training.optimizers.Optimizers`.
        score: `Score` by which the method chooses. Defaults to `None`,
            magnitudes.
        data: What the score reads, see `scores.Scorer`. Defaults to `None`.

    Attributes:
        model: As given.
        solver: As given.
        optimizers: As given.
        split: `Split`.
        left: List of pairs of a weight and the reason it is left alone.
        state: The solver's state.
        position: As given.
        brought_back: Whether the weights were set back to earlier ones, from
            before they settled, before hard pruning, as `EarlyStopping` does.
        pruned: Whether a checkpoint of pruned weights was loaded.
        coverage: `training.coverage.Coverage`.
        statistics: `SettledStatistics` of the model.
    """

    def __init__(
        self,
        model,
        plan,
        solver,
        clock,
        position,
        optimizers,
        score=None,
        data=None,
    ):
        self.model = model
        self.solver = solver
        scorer = None
        if score is not None:
            training = optimizers.training
            scorer = Scorer(score, model, data, optimizer_of=training)
        constraints, self.left, allotment = constraints_of(plan, model, scorer)
        self.optimizers = optimizers
        self.pruned = self.brought_back = False
        check_free(optimizers, model)
        weights = [w for constraint in constraints for w in constraint.weights]
        optimizers.check_training(weights)
        clock.learning_rate = learning_rate_of(
            optimizers.training(weights[0].variable), clock
        )
        self.position = position
        self._points = None
        latent = solver.form is forms.Latent
        self.split = (LatentSplit if latent else Split)(
            optimizers,
            constraints,
            solver.form,
            scorer,
            allotment,
            plan.constraint,
        )
        try:
            self.state = solver.begin(self.split, clock)
        except ValueError:
            for variable in self.split.variables:
                untrack(optimizers.base, variable)
            raise
        self._lender = Lender(model, optimizers, self.split.variables)
        self._trace = NewTrace(model)
        self._hooks = hooks_for(
            optimizers, self.split, solver.acts_on, self._lender.lend
        )
        self.coverage = Coverage(self._hooks, self.split.weights, optimizers)
        self.statistics = SettledStatistics(model)
        self._carried = CarriedSlots(
            optimizers.outer,
            optimizers.base,
            self.split.variables,
            self._get_scalars,
            self._set_scalars,
            owner=self,
            position=position,
        )
        self.attached = False

    @staticmethod
    def of(model):
        """Returns the run attached to a model's optimizer, or `None`."""
        carrier = carrier_of(getattr(model, "optimizer", None))
        owner = carrier.owner() if carrier is not None else None
        return owner if isinstance(owner, Run) else None

    def attach(self):
        self._hooks.attach()
        self._lender.attach()
        self._carried.attach()
        self._trace.attach()
        self.attached = True

    def detach(self):
        """Removes every trace of the run; does nothing the second time."""
        if not self.attached:
            return
        self._hooks.detach()
        self._lender.detach()
        # The user's own step may have been traced during the run and still
        # read these: free entries make it a plain step again.
        self.split.release()
        self._carried.detach()
        self._trace.detach()
        self.attached = False

    @property
    def optimizer(self):
        """The Keras optimizer that holds the variables of the run."""
        return self.optimizers.outer

    @property
    def acts(self):
        """Whether a training step has run with a hook."""
        return bool(self._hooks.passed)

    @property
    def averages(self):
        """The moving averages of the pruned weights, if there are some."""
        return self.optimizers.averages(self.split.weights)

    def correct_statistics(self, clock):
        """Corrects batch norms after an update, see `SettledStatistics`.

        Args:
            clock: `training.clock.Clock`.
        """
        settled = self.solver.settled(self.state, self.split, clock)
        self.statistics.update(settled, clock.step)

    @property
    def rates(self):
        """Dict of the pruning rates, by their names in checkpoints."""
        return _numbered("rate", self.split.rates)

    @property
    def residuals(self):
        """Dict of `||W - Z|| / ||W||` by the `id` of the weight's variable."""
        return {
            id(slot.w): residual(self.split, slot) for slot in self.split.slots
        }

    def chosen(self):
        """Returns what hard pruning makes of the weights.

        Moving averages become the same: with zeros alone they keep their own
        values. On a grid a second call leaves pruned weights as they are; the
        nearest points of another step would differ.

        Returns:
            List, one per weight, of what `training.chosen.set_chosen` takes.
        """
        weights = self.split.weights
        if self._points is not None and all(map(holds, weights, self._points)):
            return self._points
        values, masks = self.averages or weights, self.masks()
        if getattr(self.state, "settled", False) and not self.brought_back:
            chosen = masks
        else:
            chosen = nearest(self.split, values, masks)
        if self.split.on_grid:
            self._points = chosen
        return chosen

    def present(self):
        """Returns what the present weights, without averages, would become.

        Returns:
            See `chosen`.
        """
        split = self.split
        if split.on_grid and getattr(self.state, "settled", False):
            points = split.keep_support()
            if all(map(holds, split.weights, points)):
                return points
        return nearest(split, split.weights, split.masks())

    def masks(self):
        """Returns the masks for hard pruning.

        If there are moving averages, they choose, because `fit` ends with
        them. Once the support has settled, the support decides: training has
        adapted to it, and the averages partly come from before. On a grid it
        has points for masks. A run that is restored from its fine-tuning
        is pruned already, so its zeros decide.
        """
        if self.pruned:
            return [ops.not_equal(w.value, 0) for w in self.split.weights]
        if not getattr(self.state, "settled", False):
            return self.split.masks(self.averages or None)
        self.split.check_finite()
        support = self.split.keep_support()
        self.brought_back = self._brought_back(support)
        return self.split.masks() if self.brought_back else support

    def _brought_back(self, support):
        """Whether a callback has set the weights back to earlier ones.

        Settled weights are zero outside the support, or are the averages that
        `fit` ends with.
        """
        weights = self.split.weights
        averages = self.averages
        return not all(map(holds, weights, support)) and not (
            averages
            and all(
                bool(ops.all(ops.equal(w.value, average.value)))
                for w, average in zip(weights, averages)
            )
        )

    def _get_scalars(self):
        scalars = {
            f"state_{name}": float(value)
            for name, value in dataclasses.asdict(self.state).items()
        }
        zeros = self.split.zero_shares
        return scalars | self.rates | _numbered(ZERO_SHARE, zeros)

    def _set_scalars(self, scalars):
        # They may have been allocated from earlier weights, or learned.
        rates = [scalars.get(name) for name in self.rates]
        if None not in rates:
            self.split.rates = rates
        zeros = _numbered(ZERO_SHARE, self.split.zero_shares)
        self.split.zero_shares = [scalars.get(name, 0.0) for name in zeros]
        if PRUNED in scalars:
            self.pruned = True
            return
        renew_marks(self.split)
        self.state = dataclasses.replace(
            self.state,
            **{
                field.name: type(getattr(self.state, field.name))(
                    scalars[f"state_{field.name}"]
                )
                for field in dataclasses.fields(self.state)
            },
        )


def _numbered(name, values):
    return {f"{name}_{i}": value for i, value in enumerate(values)}

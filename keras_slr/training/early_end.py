"""The warning about a run that ends before its weights have settled."""


def early_end(run, clock, advice):
    """Returns a warning if a run ends too early.

    Args:
        run: `training.run.Run`, about to be pruned.
        clock: `training.clock.Clock` of the run.
        advice: String, how to run longer, in the imperative.

    Returns:
        String, or `None` if the weights have settled.
    """
    if run.pruned or run.solver.settled(run.state, run.split, clock):
        return None
    if not clock.step and clock.total is None:
        return None  # The caller does the updates and decides when to end.
    method = type(run.solver).__name__
    if clock.finished:
        advice = f"train longer or have {method} settle them earlier"
    if clock.total is None:
        steps = f"{clock.step} steps, a number that was not known before"
    else:
        steps = f"{clock.step} of {clock.total} steps"
    return (
        f"Pruning ended after {steps}, before {method} had "
        "settled the weights: accuracy may be lower than after a whole run. "
        f"{advice[0].upper()}{advice[1:]}; or train the pruned model further "
        "inside `keras_slr.keep_masks(model)`."
    )

"""The scores by name; a new one registers itself here."""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from keras_slr.did_you_mean import did_you_mean
from keras_slr.registration import registration
from keras_slr.scores.score import Score

ScoreClass = TypeVar("ScoreClass", bound=type[Score])
SCORES: dict[str, type[Score]] = {}


def register_score(
    name: str, package: str = "Custom"
) -> Callable[[ScoreClass], ScoreClass]:
    """Registers a score.

    The class decorator makes Keras able to save and load the score, and
    `score=`, recipes and `keras-slr prune --score` find it by name.

    ```python
    @keras_slr.register_score("my_score")
    @dataclasses.dataclass(frozen=True)
    class MyScore(keras_slr.Score):
        ...
    ```

    Args:
        name: String, the name for `score=`.
        package: String, the package in the class's serialized name, see
            `keras.saving.register_keras_serializable`. Defaults to
            `"Custom"`.

    Returns:
        Class decorator. It raises a `TypeError` if the class is not a frozen
        dataclass with default values, or not a subclass of `Score`, and a
        `ValueError` if another class has the name.
    """
    # There are a score and a layer solver named `Magnitude`.
    return registration(SCORES, Score, name, package, suffix="Score")


def score_of(score: Any) -> Score | None:
    """Returns a score, of a name or a score.

    Args:
        score: `Score`, key of `SCORES`, or `None`.

    Raises:
        TypeError: If it is something else.
        ValueError: If there is no score of that name.
    """
    if score is None or isinstance(score, Score):
        return score
    if isinstance(score, str):
        if score in SCORES:
            return SCORES[score]()
        raise ValueError(
            "Expected `score` to be "
            + ", ".join(f"'{name}'" for name in SCORES)
            + f" or a `keras_slr.Score`. Received: '{score}'"
            + did_you_mean(score, SCORES)
            + "."
        )
    raise TypeError(
        "Expected `score` to be a name, such as 'taylor', or an instance of "
        f"`keras_slr.Score`. Received: {score!r}."
    )

"""What a language model makes of a text: windows, perplexity, continuation.

A model here maps tokens of `(batch, length)` to the logits of the next token,
`(batch, length, words)`, and no token sees later ones.
"""

import numpy as np


def windows(tokens, length, count):
    """Cuts the first windows out of a text, one after another.

    Args:
        tokens: Sequence of integers.
        length: Integer, tokens of a window.
        count: Integer, the number of windows.

    Returns:
        Int32 array of `(count, length)`.

    Raises:
        ValueError: If the text is too short.
    """
    if len(tokens) < count * length:
        raise ValueError(
            f"Expected a text of at least {count} windows of {length} tokens. "
            f"Received {len(tokens)} tokens: ask for fewer windows."
        )
    return np.int32(tokens[: count * length]).reshape(count, length)


def perplexity(model, texts):
    """Returns the exponential of the mean negative log-likelihood.

    Each window counts by itself: its first token is given, and each other
    token is predicted from those before it in the window.

    Args:
        model: Keras model.
        texts: Int32 array of windows, see `windows`.

    Returns:
        Float.
    """
    losses = []
    # The logits of several windows would fill the memory.
    for text in texts:
        logits = np.asarray(model.predict_on_batch(text[None]))[0, :-1]
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(logits, text[1:, None], axis=-1)[:, 0]
        losses.append(np.log(np.exp(logits).sum(axis=-1)) - chosen)
    return float(np.exp(np.mean(losses)))


def continuation(model, tokens, count):
    """Returns the tokens that a model finds likeliest, one after another.

    Args:
        model: Keras model.
        tokens: Sequence of integers, the beginning.
        count: Integer, the number of tokens to add.

    Returns:
        List of integers, without the beginning.
    """
    start = len(tokens)
    # One shape for all steps: a new one may compile anew. What follows a
    # token does not matter.
    text = np.zeros((1, start + count), "int32")
    text[0, :start] = tokens
    for position in range(start, start + count):
        logits = np.asarray(model.predict_on_batch(text))
        text[0, position] = logits[0, position - 1].argmax()
    return text[0, start:].tolist()

"""What is kept of the messages of Keras, TensorFlow and the converter."""

import pytest

from keras_slr_base.failure import first_sentence

pytestmark = pytest.mark.once("reads texts")

KERAS = (
    "Exception encountered when calling LSTM.call().\n\n"
    "\x1b[1mCannot unroll a RNN if the time dimension is undefined. \n"
    "- If using a Sequential model, pass a shape.\x1b[0m\n\n"
    "Arguments received by LSTM.call():\n  • sequence=tf.Tensor"
)
CONVERTER = (
    '<unknown>:0: error: loc(callsite(fused["Foo:", "a/lstm/x@__inference"] '
    'at fused["B:", "B_1"])): '
)


@pytest.mark.parametrize(
    "message, expected",
    [
        (
            KERAS,
            "Cannot unroll a RNN if the time dimension is undefined "
            "(in LSTM.call())",
        ),
        (
            "Exception encountered when calling Dense.call().\n\n"
            "\x1b[1m\x1b[0m\n\nArguments received by Dense.call():\n  • x=1",
            "Exception encountered when calling Dense.call()",
        ),
        (
            f"{CONVERTER}'tf.Foo' op requires a shape\n<unknown>:0: note: x",
            "'tf.Foo' op requires a shape",
        ),
        (
            f"{CONVERTER}'tfl.while' op has no body. See there",
            "'tfl.while' op has no body",
        ),
        (f"{CONVERTER}failed to lower\nmore", "failed to lower"),
        (
            "{{function_node __wrapped__Reshape_device_/job:local}} Input to "
            "reshape has 24 values [Op:Reshape] name: ",
            "Input to reshape has 24 values",
        ),
        (
            "Pass a shape, e.g. one of 3. Thank you.",
            "Pass a shape, e.g. one of 3",
        ),
        (
            "in user code:\n\n  File x\n\n    ValueError: bad.\n",
            "ValueError: bad",
        ),
    ],
)
def test_first_sentence(message, expected):
    assert first_sentence(ValueError(message)) == expected


def test_empty_message():
    assert first_sentence(NotImplementedError()) == "NotImplementedError"

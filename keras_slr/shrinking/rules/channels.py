"""The axis of the channels of an image or a sequence."""


def channel_axis(call):
    """Returns the axis of the channels in the first tensor of a call."""
    data_format = getattr(call.operation, "data_format", "channels_last")
    return 1 if data_format == "channels_first" else len(call.shape) - 1

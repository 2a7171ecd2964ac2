"""Why a conversion failed, in words that complete an error message."""

import re

_LONGEST = 300
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Failure)(?:: |$)")
_LOG = re.compile(r"[IWE]\d{4} |\d{4}-\d\d-\d\d |WARNING|INFO")
# TensorFlow puts the reason after lines about the position in the graph.
_REASON = re.compile(
    r"'tfl?\.\w+' op .+|^\s*\w+(?:Error|Exception): .+", re.MULTILINE
)
# Keras puts the call before a message and the arguments after it.
_CALL = re.compile(
    r"^Exception encountered when calling (?P<call>.+?)\.\n\n"
    r"(?:\x1b\[1m)?(?P<message>.*?)(?:\x1b\[0m)?"
    r"(?:\n\nArguments received by .*)?$",
    re.DOTALL,
)
_PLACE = re.compile(r"^<unknown>:0: error: loc\(.*\): ")
# TensorFlow adds this to errors of operations outside a graph.
_NODE = re.compile(r"^\{\{function_node \S+\}\} | \[Op:\w+\].*$")
_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!vs)\. ")


class Failure(Exception):
    """Raised with the reason why a model cannot be converted.

    Args:
        predicate: String that completes "received a model which".
        user_error: Whether the model is invalid input, rather than one whose
            conversion fails. Defaults to `False`.
    """

    def __init__(self, predicate: str, user_error: bool = False):
        super().__init__(predicate)
        self.user_error = user_error


def first_sentence(error: BaseException | str) -> str:
    """Returns the first sentence of a message that says what happened.

    Args:
        error: Exception, or its message.
    """
    text, where = str(error), ""
    call = _CALL.search(text)
    if call and call["message"].strip():
        text, where = call["message"], f" (in {call['call']})"
    reason = _REASON.search(text)
    text = reason.group() if reason else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    line = _NODE.sub("", _PLACE.sub("", line))
    line = _END.split(line)[0]
    if len(line) > _LONGEST:
        line = line[:_LONGEST] + "..."
    return line.rstrip(".") + where


def last_line(stderr: str) -> str:
    """Returns the last error line of a process, without its logs.

    For an exception it is the line with its type, not the last line of its
    message.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    kept = [line for line in lines if not _LOG.match(line)]
    raised = [line for line in kept if _RAISED.match(line)]
    last = (raised or kept)[-1:]
    return first_sentence(last[0]) if last else "no message"

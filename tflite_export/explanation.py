"""Whether zeros make a model faster, as facts and as a table."""

import dataclasses
import string

YES, NO, IF = "yes", "no", "if"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the zeros of a kernel make it faster on a target.

    Attributes:
        target: String.
        answer: `"yes"`; `"if"` where the runtime has a sparse kernel and the
            zeros or the graph are not yet such that it is used; `"no"`
            where it has none.
        why: String, what stands in the way, or what it takes.
        advice: String, what pays instead; like `why`, empty after `"yes"`.
    """

    target: str
    answer: str
    why: str
    advice: str


@dataclasses.dataclass(frozen=True)
class Row:
    """One kernel and what its zeros do.

    Attributes:
        layer: String, the name of the layer.
        op: String, the layer's class, with its stride.
        shape: Tuple of integers, of the kernel.
        zeros: Float, the share of entries that are zero.
        verdicts: Tuple of `Verdict`, one for each target.
    """

    layer: str
    op: str
    shape: tuple
    zeros: float
    verdicts: tuple


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What the zeros of a model do on each target.

    Attributes:
        rows: Tuple of `Row`, in the order of the layers.
        graph: Tuple of strings, what is to be said of the model's graph on
            the targets.
    """

    rows: tuple
    graph: tuple

    def render(self, width=100):
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.markup import escape
        from rich.table import Table

        from keras_slr.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("layer", overflow="fold")
        table.add_column("op", overflow="fold")
        table.add_column("shape", no_wrap=True)
        table.add_column("zeros", justify="right", no_wrap=True)
        for verdict in self.rows[0].verdicts if self.rows else ():
            table.add_column(verdict.target, no_wrap=True)
        reasons, advice = {}, {}
        for row in self.rows:
            table.add_row(
                escape(row.layer),
                row.op,
                "x".join(str(n) for n in row.shape),
                f"{row.zeros:.1%}",
                *(_cell(verdict, reasons, advice) for verdict in row.verdicts),
            )
        console = text_console(width)
        console.print(table)
        notes = Table(box=None, pad_edge=False, show_header=False)
        for text, mark in reasons.items():
            notes.add_row(mark, escape(text))
        for text, mark in advice.items():
            notes.add_row(mark, escape(f"what pays: {text}"))
        for line in self.graph:
            notes.add_row("-", escape(line))
        console.print(notes)
        lines = console.file.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines)

    def __str__(self):
        return self.render()


def _cell(verdict, reasons, advice):
    """Returns the answer with the marks of its notes, such as `no 1a`."""
    if verdict.answer == YES:
        return YES
    number = reasons.setdefault(verdict.why, f"{len(reasons) + 1}")
    letter = advice.setdefault(verdict.advice, _letter(len(advice)))
    return f"{verdict.answer} {number}{letter}"


def _letter(n):
    letters = string.ascii_lowercase
    return letters[n % len(letters)] * (n // len(letters) + 1)

"""Whether zeros make a model faster, as facts and as a table."""

import collections
import dataclasses
import math
import string

YES, NO, IF = "yes", "no", "if"
# Advice begins like this if nothing helps.
NOTHING = "nothing"
SHRINK = "keras_slr.shrink, which cuts them out"


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
        cut: Float, the share of the kernel's work that `keras_slr.shrink`
            removes, where that is the advice. Defaults to `0.0`.
        then: String, the advice on what `keras_slr.shrink` leaves. Defaults
            to `""`.
    """

    target: str
    answer: str
    why: str
    advice: str
    cut: float = 0.0
    then: str = ""

    @property
    def gains(self) -> dict[str, float]:
        """Dict from advice to the share of the work that it can save.

        For `keras_slr.shrink` it is exact. Other advice saves at most what
        `keras_slr.shrink` leaves.
        """
        gains = {SHRINK: self.cut} if self.cut else {}
        other = self.then if self.cut else self.advice
        if self.answer != YES and not other.startswith(NOTHING):
            gains[other] = 1.0 - self.cut
        return gains


@dataclasses.dataclass(frozen=True)
class ExplainedKernel:
    """One kernel, and whether its zeros make it faster.

    Attributes:
        layer: String, the name of the layer.
        op: String, the layer's class, with its stride.
        shape: Tuple of integers, of the kernel.
        zeros: Float, the share of entries that are zero.
        verdicts: Tuple of `Verdict`, one for each target.
        macs: Integer, the multiply-accumulates with the kernel for one
            input, or `None` where they are not known. Defaults to `None`.
    """

    layer: str
    op: str
    shape: tuple[int, ...]
    zeros: float
    verdicts: tuple[Verdict, ...]
    macs: int | None = None

    @property
    def bytes(self) -> int:
        """Integer, the bytes of the kernel in float32."""
        return 4 * math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class Explanation:
    """Whether the zeros of a model make it faster on each target.

    Attributes:
        rows: Tuple of `ExplainedKernel`, in the order of the layers.
        graph: Tuple of strings, notes on the model's graph, by target.
    """

    rows: tuple[ExplainedKernel, ...]
    graph: tuple[str, ...]

    def shares(self) -> tuple[str, list[float]]:
        """Returns the share of the work of each row.

        Returns:
            Name of what is counted, and a list of floats that sum up to 1:
            the shares of the multiply-accumulates, or of the bytes where no
            multiply-accumulates are known.
        """
        if any(row.macs for row in self.rows):
            return "multiply-accumulates", _parts(
                [row.macs or 0 for row in self.rows]
            )
        return "bytes", _parts([row.bytes for row in self.rows])

    @property
    def summary(self) -> tuple[str, ...]:
        """Tuple of strings, a line on each target and what to do next."""
        if not self.rows:
            return ()
        return tuple(
            _line(self.rows, i, *self.shares())
            for i in range(len(self.rows[0].verdicts))
        )

    def render(self, width: int = 100) -> str:
        """Returns the table as text, the layers with most work first.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.markup import escape
        from rich.table import Table

        from keras_slr_base.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("layer", overflow="fold")
        table.add_column("op", overflow="fold")
        table.add_column("shape", no_wrap=True)
        for name in ("zeros", "MACs", "bytes"):
            table.add_column(name, justify="right", no_wrap=True)
        for verdict in self.rows[0].verdicts if self.rows else ():
            table.add_column(verdict.target, no_wrap=True)
        reasons: dict[str, str] = {}
        advice: dict[str, str] = {}
        macs = _parts([row.macs or 0 for row in self.rows])
        sizes = _parts([row.bytes for row in self.rows])
        _, shares = self.shares()
        # Layers of unknown work come last, sorted by their bytes.
        order = sorted(
            range(len(self.rows)), key=lambda i: (-shares[i], -sizes[i])
        )
        for i in order:
            row = self.rows[i]
            table.add_row(
                escape(row.layer),
                row.op,
                "x".join(str(n) for n in row.shape),
                f"{row.zeros:.1%}",
                "-" if row.macs is None else f"{macs[i]:.1%}",
                f"{sizes[i]:.1%}",
                *(_cell(verdict, reasons, advice) for verdict in row.verdicts),
            )
        console = text_console(width)
        console.print(table)
        notes = Table(box=None, pad_edge=False, show_header=False)
        for text, mark in reasons.items():
            notes.add_row(mark, escape(text))
        for text, mark in advice.items():
            notes.add_row(mark, escape(f"what pays: {text}"))
        for line in (*self.graph, *self.summary):
            notes.add_row("-", escape(line))
        console.print(notes)
        lines = console.file.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines)

    def __str__(self) -> str:
        return self.render()


def _parts(numbers):
    """Returns each number as a share of the sum."""
    return [number / (sum(numbers) or 1) for number in numbers]


def _line(rows, i, counted, shares):
    """Returns the line of `Explanation.summary` on the `i`-th target."""
    verdicts = [row.verdicts[i] for row in rows]
    faster = [v.answer == YES for v in verdicts]
    text = (
        f"{verdicts[0].target}: {sum(faster)} of {len(rows)} layers run "
        "faster by their zeros"
    )
    if any(faster):
        text += f", {_sum(shares, faster):.0%} of the {counted}"
    gains = collections.defaultdict(dict)
    for j, (verdict, share) in enumerate(zip(verdicts, shares)):
        for advice, part in verdict.gains.items():
            gains[advice][j] = part * share
    if not gains:
        return f"{text}." if all(faster) else f"{text}. Nothing else pays."
    best = max(gains, key=lambda advice: sum(gains[advice].values()))
    where = _where(rows, gains[best], shares)
    cut = f"{sum(gains.get(SHRINK, {}).values()):.1%} of the {counted}"
    if best == SHRINK:
        return (
            f"{text}. Next: keras_slr.shrink, which removes {cut}, in {where}."
        )
    concerned = sum(shares[j] for j in gains[best])
    text += f". Next: {best}, for {where} ({concerned:.0%} of the {counted})."
    if SHRINK in gains:
        text += f" keras_slr.shrink alone removes {cut}."
    return text


def _where(rows, chosen, shares):
    """Returns the name of the layer with most work, and how many others."""
    heaviest = max(chosen, key=shares.__getitem__)
    others = len(chosen) - 1
    name = f"`{rows[heaviest].layer}`"
    if not others:
        return name
    return f"{name} and {others} more layer{'s' if others > 1 else ''}"


def _sum(shares, chosen):
    return sum(share for share, is_meant in zip(shares, chosen) if is_meant)


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

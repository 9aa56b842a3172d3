"""Say what is wrong with a specification, an implementation or a proof file, and where.

Reads   nothing
Gives   Span, Label, Diagnostic, CODES: plain data that every phase fills in and only `report` draws
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass, field

CODES: dict[str, str] = {
    "HF100": "a file cannot be read",
    "HF101": "the text does not follow the grammar",
    "HF102": "a reserved word is used as a name",
    "HF201": "a name is not declared",
    "HF202": "a name is declared twice",
    "HF203": "types do not fit",
    "HF204": "a number does not fit its width",
    "HF205": "a declaration is not allowed in this kind of file",
    "HF206": "a revision is unknown or out of order",
    "HF207": "the text of one revision has a gap or a double",
    "HF208": "the bits of an encoding or of an argument overlap or do not fit",
    "HF209": "a cell has no discipline that fits",
    "HF210": "an invariant speaks about cells that its lock does not guard",
    "HF211": "the lock order has a cycle",
    "HF212": "the protocol does not fit the call",
    "HF213": "a clause is missing or stands twice",
    "HF214": "an implementation cannot be found",
    "HF215": "the implementation's signature does not fit the call",
    "HF216": "a declaration of the proof files does not fit",
    "HF217": "what finds or ends calls does not fit them",
    "HF218": "a codec does not fit its encoding",
    "HF301": "two cases of a call can hold at the same time",
    "HF302": "a call says nothing about some states",
    "HF303": "no state reaches a case",
    "HF304": "an expression has no value in some states",
    "HF305": "an invariant cannot hold, or does not hold initially",
    "HF306": "the assumptions contradict each other",
    "HF307": "a scenario has no execution",
    "HF308": "what is said of a trusted function contradicts itself",
    "HF401": "a construct is outside the supported subset of Python",
    "HF402": "a function calls itself",
    "HF403": "a loop has no bound and no fact",
    "HF404": "the Python source cannot be parsed",
    "HF501": "a call returns something else than promised",
    "HF502": "a physical CPU goes on with another object than promised",
    "HF503": "a call does not change what it promises to change",
    "HF504": "a call changes something that it promises to leave alone",
    "HF505": "a check answers out of order",
    "HF506": "an invariant does not hold when a lock is released",
    "HF507": "a step breaks what another CPU relies on",
    "HF508": "a path can raise an exception",
    "HF509": "the code does not refine the contract",
    "HF510": "a loop fact does not hold at entry",
    "HF511": "a loop fact is not preserved",
    "HF513": "a call waits too long, or not long enough",
    "HF512": "after a call, what the next one relies on does not hold",
    "HF514": "registers lead to another call, or end one otherwise, than specified",
    "HF515": "what finds or ends calls touches the shared state itself",
    "HF517": "the states before and after a call are not related as promised",
    "HF516": "an encoding is written or read otherwise than specified",
    "HF518": "a new object does not begin as specified",
    "HF601": "a question is not decided",
    "HF602": "a question has a model, but the real code did not misbehave on it",
    "HF603": "an example breaks what is promised",
    "HF604": "an obligation is accepted as tested that need not be",
    "HF701": "a cell is touched without its lock",
    "HF702": "a cell is touched that another CPU may own",
    "HF703": "locks are taken out of order",
    "HF704": "a lock is not released on every path",
    "HF705": "the critical sections do not follow the protocol",
    "HF706": "a lock is released that is not held",
}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text; lines and columns count from 1, the end column is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Span("", 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Label:
    """A span and what it has to do with the message; the primary one is where the reader looks first."""

    span: Span
    text: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message: a code from `CODES`, one line, up to three labels, and notes in fixed order."""

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    severity: str = "error"

    @property
    def span(self) -> Span:
        """The first primary span, or nowhere."""
        for label in self.labels:
            if label.primary:
                return label.span
        return self.labels[0].span if self.labels else NOWHERE


def at(span: Span, text: str = "") -> Label:
    """Label the place where the reader looks first."""
    return Label(span, text, primary=True)


def also(span: Span, text: str) -> Label:
    """Label a second place."""
    return Label(span, text)


class Rejected(Exception):
    """The input is not understood; carries every diagnostic of the phase that gave up."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__("; ".join(f"{d.span} {d.code} {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


@dataclass(slots=True)
class Collector:
    """Gathers diagnostics so that a phase reports all of them, not the first."""

    found: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, *labels: Label, notes: tuple[tuple[str, str], ...] = ()) -> None:
        """Note an error and go on."""
        assert code in CODES, code
        self.found.append(Diagnostic(code, message, labels, notes))

    def finish(self) -> None:
        """Give up if anything was found."""
        if self.found:
            raise Rejected(sorted(set(self.found), key=lambda d: (d.span, d.code, d.message)))

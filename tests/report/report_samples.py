"""Sources, diagnostics and verdicts for the tests of the renderers.

Reads   nothing
Gives   FILES, read, one diagnostic of each form, VERDICTS, COUNTEREXAMPLE
Refuses nothing
"""

from __future__ import annotations

from hfverify.diagnostics import Diagnostic, Label, Span, also, at
from hfverify.verdict import Obligation, Status, Verdict


def numbered(first: int, text: str) -> str:
    """The text, preceded by as many empty lines as put it at line `first`."""
    return "\n" * (first - 1) + text


MAILBOX = "spec/mailbox.hfs"
BASE = "spec/base.hfs"
API = "impl/api.py"
VCPU = "impl/vcpu.py"

FILES = {
    MAILBOX: numbered(
        19,
        "    case already_empty when mb.state == EMPTY {\n"
        "        result of the call\n"
        "        returns 0   since R4\n"
        "    }\n"
        "\n"
        "    case cleared when mb.state == READ {\n"
        "        mb.state = EMPTY\n"
        "    }\n"
        "\n\n\n"
        "    case cleared_by_primary when mb.state == READ and mb.waiters != {} and caller == PRIMARY {\n",
    ),
    BASE: numbered(25, "order vm.lock -> vcpu.lock -> mm.stage1_lock -> dlog.lock\n"),
    API: numbered(86, "        if mailbox.state is not MailboxState.READ:\n\n            return -1\n"),
    VCPU: numbered(133, "        sl_lock(vcpu.lock)\n" + "\n" * 7 + "        sl_lock(vcpu.vm.lock)\n"),
}


def read(file: str) -> str | None:
    """The text of a sample file."""
    return FILES.get(file)


def span(file: str, line: int, column: int, size: int) -> Span:
    """A stretch of one line."""
    return Span(file, line, column, line, column + size)


OVERLAP = Diagnostic(
    "HF301",
    "two cases of `mailbox_clear` can hold at the same time",
    (at(span(MAILBOX, 24, 10, 7), "this case"), also(span(MAILBOX, 30, 10, 18), "and this one")),
    (
        ("example", "caller = 1 (PRIMARY), mb.state = READ, mb.waiters = {2}"),
        ("help", "narrow the first: `and mb.waiters == {}`"),
        ("obligation", "mailbox_clear.disjoint"),
    ),
)
RETURNS = Diagnostic(
    "HF501",
    "`mailbox_clear` returns -1 where the specification promises 0",
    (
        at(span(MAILBOX, 21, 17, 1), "promised"),
        at(span(API, 88, 20, 2), "returned"),
        also(span(MAILBOX, 19, 10, 13), "this case applies"),
        also(span(API, 86, 12, 38), "a fourth place is not drawn"),
    ),
    (("because", "the promise changed at `R4` (before it, -1)"),),
)
ORDER = Diagnostic(
    "HF703",
    "`vm.lock` is taken while `vcpu.lock` is held",
    (
        also(span(BASE, 25, 7, 20), "declared order"),
        at(span(VCPU, 141, 9, 21), "taken here"),
        also(span(VCPU, 133, 9, 18), "held since here"),
    ),
    (("obligation", "vcpu_run.lock.order"), ("when", "every path that passes the rejects")),
)
GAVE_UP = Diagnostic(
    "HF601",
    "`share_memory.lend.effect` is not decided",
    (),
    (
        ("cause", "solver      it gave up: quantifier over all pages"),
        ("help", "state the loop fact in proofs/memory.hfp"),
    ),
)
SUSPICION = Diagnostic(
    "HF602",
    "`vcpu_run.ready.frame` has a model, but the real code did not misbehave on it",
    (at(span(MAILBOX, 24, 10, 7)),),
    (("because", "the model needs regs_available = true and state = RUNNING\nno reachable state has both"),),
    "suspected",
)
REFUSED = Diagnostic("HF401", "`with` is outside the subset", (at(span("impl/mm.py", 140, 5, 4), "here"),))


def verdict(name: str, kind: str, status: Status, steps: int = 0, **others: object) -> Verdict:
    """A verdict about `subject.….kind`."""
    spec, impl = span(MAILBOX, 21, 17, 1), span(API, 88, 20, 2)
    obligation = Obligation(name, kind, name.split(".")[0], "the result is the promised one", spec, impl)
    return Verdict(obligation, status, steps, **others)  # type: ignore[arg-type]


PROVED = [
    verdict(f"{call}.{kind}", kind, Status.PROVED, steps)
    for call, steps in (("vm_get_id", 1_020), ("mailbox_clear", 4_100), ("vcpu_run", 131_000))
    for kind in ("disjoint", "complete", "lock.order", "lock.held", "lock.balanced", "raises", "contract")
]
COUNTEREXAMPLE: dict[str, object] = {
    "call": "mailbox_clear",
    "obligation": "mailbox_clear.cleared_by_secondary.effect",
    "outcome": "cleared_by_secondary",
    "confirmed": True,
    "actor": {"name": "current", "object": "vcpu[2, 0]"},
    "here": 1,
    "arguments": {"vm_id": "3", "value": "0x6 NotifyWaiters"},
    "rows": [
        {"cell": "vm[2].mailbox.state", "before": "READ", "promised": "EMPTY", "actual": "EMPTY", "differs": False},
        {"cell": "vm[2].mailbox.waiters", "before": "{3}", "promised": "unchanged", "actual": "unchanged"},
        {"cell": "vcpu[2, 0].state", "before": "RUNNING", "promised": "READY", "actual": "RUNNING", "differs": True},
        {"cell": "vcpu[1, 1].regs.x0", "before": "0x0", "promised": "0x6 NotifyWaiters", "actual": "0x6"},
        {"cell": "result", "promised": "0", "actual": "0"},
        {
            "cell": "vm[2].mailbox.message",
            "before": "{sender: 1, receiver: 2, size: 16, flags: {notify: false}}",
            "promised": "{sender: 0, receiver: 0, size: 0, flags: {notify: false}}",
            "actual": "{sender: 0, receiver: 0, size: 0, flags: {notify: false}}",
        },
    ],
    "unchanged": 41,
    "exception": "IndexError: pop from an empty list",
    "violations": [
        {"kind": "lock.held", "text": "`vm[2].mailbox.state` is written without `vm[2].lock`", "file": API, "line": 90}
    ],
    "path": [
        {"file": API, "line": 90, "text": "mailbox.state is READ", "taken": True},
        {"file": API, "line": 97, "text": "mailbox.waiters", "taken": True},
        {"file": VCPU, "line": 61, "text": "current.vm.id != PRIMARY", "taken": False},
    ],
    "schedule": ["cpu 0 takes vm[2].lock", "cpu 1 waits for vm[2].lock"],
}
VERDICTS = [
    *PROVED,
    verdict(
        "mailbox_clear.already_empty.returns",
        "returns",
        Status.REFUTED,
        9_000,
        seconds=0.12345,
        diagnostic=RETURNS,
        counterexample={"call": "mailbox_clear", "rows": []},
    ),
    verdict("mailbox_clear.cleared.reachable", "reachable", Status.VACUOUS, 20, diagnostic=OVERLAP),
    verdict("vcpu_run.ready.frame", "frame", Status.SUSPECTED, 1_310_000, diagnostic=SUSPICION),
    verdict("vcpu_run.deliver_interrupt.frame", "frame", Status.UNKNOWN, 2_000_117, reason="stopped at the step limit"),
    verdict("vcpu_run.deliver_message.frame", "frame", Status.STALE, reason="impl/vcpu.py changed", cached=True),
    verdict(
        "share_memory.lend.effect", "effect", Status.UNKNOWN, 400_000, reason="the solver gave up", diagnostic=GAVE_UP
    ),
    verdict(
        "share_memory_with_a_very_long_name.frame",
        "frame",
        Status.UNKNOWN,
        reason="`with` is refused",
        diagnostic=REFUSED,
    ),
    verdict(
        "share_memory_with_a_very_long_name.next",
        "next",
        Status.UNKNOWN,
        reason="`with` is refused",
        diagnostic=REFUSED,
    ),
    verdict("share_memory.lend.invariant.full_means_mapped", "invariant", Status.TESTED),
    verdict("share_memory.lend.invariant.owned_once", "invariant", Status.ASSUMED),
    verdict("share_memory.surprise", "surprise", Status.PROVED, 12),
]
ODD = (Label(Span("gone.py", 3, 1, 3, 2), "text", primary=True), Label(Span("", 0, 0, 0, 0), "nowhere"))

"""What each kind of obligation asks, in a few words; and which kind a name is of.

Reads   the last parts of an obligation's name
Gives   asked, kind_of: the words of the evidence tables
Refuses nothing: a name that ends with one of the subject's own names is a promise of that name
"""

from __future__ import annotations

from hfverify.report.table import GROUP_OF, KIND_GROUPS, OTHER

ASKED = {
    "defined": "each expression has a value wherever it is read",
    "disjoint": "at most one case holds once the rejects have passed",
    "complete": "at least one case holds once the rejects have passed",
    "reachable": "some state leads here",
    "preserves": "what changes keeps each invariant",
    "possible": "some values satisfy what is said of the state afterwards",
    "reached": "some path of the code leads here",
    "returns": "the result is the promised one",
    "next": "the CPU goes on with the promised object",
    "actor": "what the next call on this CPU relies on holds",
    "precedence": "the first failed check answers",
    "effect": "what is promised to change changes so",
    "frame": "everything else is as it was",
    "supported": "every path is inside the subset of Python that is understood",
    "raises": "no path raises an exception",
    "bounded": "every loop has a bound, or a fact that each turn keeps",
    "lock.order": "locks are taken in the declared order",
    "lock.held": "every guarded cell is touched under its lock only",
    "lock.owned": "every owned cell is touched by its owner only",
    "lock.balanced": "every lock is released on every path",
    "lock.shape": "the critical sections are those of the protocol",
    "stable": "what other CPUs rely on stays true",
    "contract": "every specified function is used as is said of it",
    "waits": "it decides only once what it awaits holds, and waits only while it does not",
    "satisfiable": "some state satisfies it",
    "initial": "it holds at the start",
    "consistent": "the assumptions do not contradict each other",
    "scenario": "the steps can happen one after the other",
    "encode": "values are written as declared",
    "decode": "numbers are read as declared",
    "inverse": "what was written is read as what it was",
    "refuses": "what is no value is refused",
    "otherwise": "any other number leads to no call",
}
BY_PART = {
    "invariant": "it holds whenever its lock is released",
    "ensures": "the states before and after are related as promised",
}
PROMISE = "what is promised under this name holds"


def kind_of(name: str) -> str:
    """The kind of an obligation, as the tables of a run count it."""
    parts = name.split(".")
    if len(parts) > 2 and parts[-2] in BY_PART:
        return parts[-2]
    two = ".".join(parts[-2:])
    return two if two in ASKED else parts[-1]


def asked(name: str) -> str:
    """What the obligation asks."""
    kind = kind_of(name)
    return ASKED.get(kind) or BY_PART.get(kind, PROMISE)


def group_of(name: str) -> str:
    """The row of the table by kinds."""
    return GROUP_OF.get(kind_of(name), OTHER)


__all__ = ["ASKED", "KIND_GROUPS", "OTHER", "asked", "group_of", "kind_of"]

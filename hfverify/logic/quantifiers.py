"""Whether a formula has quantifiers.

Reads   solver terms
Gives   has_quantifier; what was found of a term is remembered as long as its context lives
Refuses nothing
"""

from __future__ import annotations

import z3

_known: dict[int, tuple[z3.ExprRef, bool]] = {}
_context: list[z3.Context] = []


def has_quantifier(term: z3.ExprRef) -> bool:
    """Whether a quantifier occurs in the term."""
    if not _context or _context[0] is not term.ctx:
        _known.clear()
        _context[:] = [term.ctx]
    pending = [term]
    while pending:
        current = pending[-1]
        number = current.get_id()
        if number in _known:
            pending.pop()
            continue
        if z3.is_quantifier(current):
            _known[number] = (current, True)
            continue
        inside = current.children()
        unknown = [child for child in inside if child.get_id() not in _known]
        if unknown:
            pending += unknown
        else:
            _known[number] = (current, any(_known[child.get_id()][1] for child in inside))
    return _known[term.get_id()][1]

"""What is said of an obligation that is not decided tells whether more steps may help."""

from __future__ import annotations

from hfverify.prove.decide import Decision, reason
from hfverify.prove.solver import Outcome


def test_reasons() -> None:
    assert reason(Decision(Outcome.LIMIT, 7)) == "stopped at the limit after 7 steps"
    assert "without `forall`" in reason(Decision(Outcome.GAVE_UP, 7, reason="(incomplete quantifiers)"))
    assert reason(Decision(Outcome.GAVE_UP, 7, reason="")) == "the solver gave up after 7 steps: no reason given"

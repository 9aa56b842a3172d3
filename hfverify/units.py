"""The independent pieces of a run: the specification as a whole and of each call, each call's code, each contract.

Reads   model.program.Program, the implementation
Gives   the verdicts of one unit, and the hash of everything that they depend on
Refuses what the front end and the executor refuse
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hfverify.diagnostics import Diagnostic, Rejected, at
from hfverify.execute.loops import check_loops
from hfverify.execute.scopes import shadows_standard_library
from hfverify.execute.source import Sources
from hfverify.model.load import Folders
from hfverify.model.program import Call, Program
from hfverify.model.registers import numbered
from hfverify.prove.codecs import codec_subject
from hfverify.prove.contracts import contract_name, contract_subject
from hfverify.prove.creation import NEW, new_objects
from hfverify.prove.decide import Decision, decide, reach, reason, satisfy
from hfverify.prove.dispatching import dispatcher_subject, trap_subject
from hfverify.prove.obligations import Subject, call_subject
from hfverify.prove.shares import Shared, prove_share, shares_of, together
from hfverify.prove.solver import SEED, Outcome
from hfverify.prove.specification import Wanted, check_call, check_whole
from hfverify.syntax import tree
from hfverify.tool import digest, tool_hash
from hfverify.verdict import Obligation, Status, Verdict

WHOLE = "spec"
# What is said of a call by itself, which a change of the code leaves alone.
ITSELF = ":spec"
# How many examples are tried for each unit that is not proved, if nobody says.
EXAMPLES = 400
Asked = Callable[[str], bool] | None


@dataclass(frozen=True, slots=True)
class Scope:
    """How far to look: the specification only, or the implementation too; and the budget of each question.

    `examples` is how many are tried for each unit that is not proved; with none, nothing is tested.
    """

    implementation: bool
    steps: int
    examples: int = 0


def about(unit: str) -> str:
    """The call of which a unit is a half, or the unit itself: what its obligations begin with."""
    return unit.removesuffix(ITSELF)


class Subjects:
    """One program with its implementation; makes the verdicts of its units."""

    def __init__(self, program: Program, folders: Folders) -> None:
        self.program = program
        self.folders = folders
        self.sources = Sources(folders.impl, folders.shown(folders.impl))

    def names(self, scope: Scope) -> list[str]:
        """Every unit, in the order of the specification."""
        contracts = [contract_name(self.program, contract) for contract in self.program.contracts]
        program = self.program
        found = [program.dispatcher.name] if program.dispatcher is not None else []
        found += [*program.traps, *contracts, *program.codecs]
        calls: list[str] = []
        for call in program.calls.values():
            calls += [call.name + ITSELF, *([call.name] if scope.implementation and not call.trusted else [])]
        found += [NEW] if program.represents else []
        return [WHOLE, *calls, *(found if scope.implementation else [])]

    def verdicts(self, name: str, scope: Scope, only: Asked = None) -> list[Verdict]:
        """Decide the obligations of a unit, or those of them that `only` names."""
        if name == WHOLE:
            return self._specification(*check_whole(self.program), scope, only)
        if name.endswith(ITSELF):
            return self._specification(*check_call(self.program, self.program.calls[about(name)]), scope, only)
        if name == NEW:
            found = new_objects(self.program, self.sources)
            return [verdict for verdict in found if only is None or only(verdict.obligation.name)]
        return self._implementation(self._subject(name), scope, only)

    def shares(self, name: str) -> int:
        """In how many shares the paths of a unit are worth being divided."""
        return shares_of(self.program.calls[name]) if name in self.program.calls else 1

    def share(self, name: str, scope: Scope, index: int) -> Shared | None:
        """What is proved of a call on one share of its paths; nothing if something is not."""
        return prove_share(self.program, self.sources, self.program.calls[name], index, scope.steps)

    def together(self, name: str, shares: Sequence[Shared]) -> list[Verdict] | None:
        """The verdicts of a call of which each share is proved; nothing if they do not make a whole."""
        return together(self.program, self.sources, self.program.calls[name], shares)

    def _subject(self, name: str) -> Subject:
        """The questions about the code of a unit."""
        program, sources = self.program, self.sources
        if name in program.calls:
            return call_subject(program, sources, program.calls[name])
        if program.dispatcher is not None and program.dispatcher.name == name:
            return dispatcher_subject(program, sources)
        if name in program.traps:
            return trap_subject(program, sources, program.traps[name])
        if name in program.codecs:
            return codec_subject(program, sources, program.codecs[name])
        contract = next(c for c in program.contracts if contract_name(program, c) == name)
        return contract_subject(program, sources, contract)

    def _specification(self, subject: Subject, wanted: list[Wanted], scope: Scope, only: Asked) -> list[Verdict]:
        asked = {name: o for name, o in subject.obligations.items() if only is None or only(name)}
        decisions = decide(subject, scope.steps, set(asked))
        states = {
            w.obligation: (w, satisfy(subject.groups[0], w, scope.steps)) for w in wanted if w.obligation in asked
        }
        found: list[Verdict] = []
        for name, obligation in asked.items():
            if name in states:
                want, decision = states[name]
                found.append(
                    _vacuous(Verdict(obligation, Status.PROVED, decision.steps, decision.seconds), decision, want)
                )
            else:
                found.append(self._verdict(subject, scope, obligation, decisions[name]))
        if not _tests(scope, found):
            return found
        from hfverify.fallback.evidence import tested_alone

        return tested_alone(self.program, self.folders, subject, wanted, found, scope.examples)

    def _implementation(self, subject: Subject, scope: Scope, only: Asked) -> list[Verdict]:
        asked = {name: o for name, o in subject.obligations.items() if only is None or only(name)}
        decisions, reached = decide(subject, scope.steps, set(asked)), reach(subject, scope.steps, set(asked))
        found: list[Verdict] = []
        for name, obligation in asked.items():
            verdict = self._verdict(subject, scope, obligation, decisions[name])
            if name in reached and verdict.status is Status.PROVED:
                steps, seconds = verdict.steps + reached[name].steps, verdict.seconds + reached[name].seconds
                base = Verdict(obligation, Status.PROVED, steps, seconds)
                verdict = _vacuous(base, reached[name], None)
            found.append(verdict)
        found = _without_loops(found)
        if not _tests(scope, found):
            return found
        from hfverify.fallback.evidence import tested

        return tested(self.program, self.folders, self.sources, subject, found, scope.examples)

    def _verdict(self, subject: Subject, scope: Scope, obligation: Obligation, decision: Decision) -> Verdict:
        if decision.outcome is Outcome.PROVED and not subject.refusals:
            return Verdict(obligation, Status.PROVED, decision.steps, decision.seconds)
        # What runs the real code is loaded only where there is something to show.
        from hfverify.explain.verdicts import Judge

        return Judge(self.program, self.folders, subject, scope.steps).verdict(obligation, decision)

    # ------------------------------------------------------------ what the implementation must have

    def misfits(self) -> list[Diagnostic]:
        """What the proof files say of the implementation as a whole and is not so."""
        program, problems = self.program, list[Diagnostic]()
        named = [(rule.target, rule.span) for rule in program.represents.values()]
        named += [(program.layout.target, program.layout.name_span)] if program.layout is not None else []
        trusts = [
            trust for trust in program.trusts.values() if not shadows_standard_library(trust.target.split(":")[0])
        ]
        for target, span in [*named, *((trust.target, trust.name_span) for trust in trusts)]:
            try:
                self.sources.defined(target, span)
            except Rejected as rejected:
                problems += rejected.diagnostics
        if program.locks and "spinlock" not in program.trusts:
            message = 'no `trust spinlock is "module:Class" because "…"` of a proof file says which class the locks are'
            problems.append(Diagnostic("HF216", message, (at(next(iter(program.locks.values())).span, "this lock"),)))
        for state in program.states.values():
            if state.name not in program.represents:
                message = f"no `represent` of a proof file says which class a `{state.name}` is"
                problems.append(Diagnostic("HF216", message, (at(state.span, "this state"),)))
        return problems + check_loops(program, self.sources)

    # ------------------------------------------------------------ what a unit depends on

    def inputs(self, name: str, scope: Scope) -> dict[str, str]:
        """The hash of each input of a unit; equal inputs give equal verdicts."""
        call = self.program.calls.get(name)
        found = {"spec": self._spec_hash, "scope": f"{scope.implementation}", "budget": f"{scope.steps}"}
        if name != WHOLE and not name.endswith(ITSELF):
            found["impl"] = self._impl_hash(name, call)
        return {**found, "revision": self.program.revision, "tool": tool_hash(), "seed": str(SEED)}

    @cached_property
    def _spec_hash(self) -> str:
        return digest(*(part for module in self.program.modules for part in (module.span.file, module.source)))

    def _impl_hash(self, name: str, call: Call | None) -> str:
        program, sources, found = self.program, self.sources, list[str]()
        if name == NEW:
            classes = [sources.class_(rule.target, rule.span) for rule in program.represents.values()]
            modules = {module.name: module for cls in classes for module in sources.reachable(cls.module)}
            read = [(*module.outline, *module.bodies) for _, module in sorted(modules.items())]
            return digest(*(line for lines in read for line in lines), *sources.changes())
        # Functions of which something is said, or which are only watched: from here nobody enters them.
        unread: list[str] = []
        if call is not None:
            unread = [*program.functions, *program.writers, *(contract.name for contract in program.contracts)]
        elif program.dispatcher is not None and program.dispatcher.name == name:
            unread = [sources.function(c.impl.target, c.impl.span).name for _, c in numbered(program)]
        elif program.dispatcher is not None and name in program.traps:
            trap = program.traps[name]
            ends = [program.calls[ref.name].impl for ref in (trap.stays, trap.leaves)]
            unread = [sources.function(impl.target, impl.span).name for impl in (program.dispatcher.impl, *ends)]
        for impl in self._impls(name):
            function = sources.function(impl.target, impl.span)
            found += sources.footprint(function, unread, places=call is None)
        return digest(*found)

    def _impls(self, name: str) -> list[tree.Impl]:
        """The functions that a unit is about."""
        program = self.program
        if name in program.calls:
            return [program.calls[name].impl]
        if program.dispatcher is not None and program.dispatcher.name == name:
            return [program.dispatcher.impl]
        if name in program.traps:
            return [program.traps[name].impl]
        if name in program.codecs:
            return [program.codecs[name].encodes, program.codecs[name].decodes]
        contract = next(c for c in program.contracts if contract_name(program, c) == name)
        return [tree.Impl(contract.name_span, contract.name)]

    def relied_on(self, names: Collection[str]) -> list[str]:
        """The specified functions that these units use, at once or through others, and that are not among them."""
        program, found = self.program, set[str]()
        specified = {call.impl.target: call.name for call in program.functions.values() if not call.trusted}
        specified |= {contract.name: contract_name(program, contract) for contract in program.contracts}
        specified |= {target: codec.name for target, codec in program.writers.items()}
        entered = [name for name in names if name in program.calls and not program.calls[name].trusted]
        entered += [name for name in names if name in program.codecs]
        entered += [name for name in names if name in {contract_name(program, c) for c in program.contracts}]
        for name in entered:
            for impl in self._impls(name):
                function = self.sources.function(impl.target, impl.span)
                found |= {unit for target, unit in specified.items() if target in self.sources.reached(function)}
        return [unit for unit in specified.values() if unit in found and unit not in names]

    def placed(self, name: str, verdicts: list[Verdict]) -> list[Verdict]:
        """The verdicts of a call whose text is the same as when they were found, where it stands now."""
        call = self.program.calls.get(name)
        if call is None:
            return verdicts
        place = self.sources.function(call.impl.target, call.impl.span).span
        return [
            replace(v, obligation=replace(v.obligation, impl=place)) if v.obligation.impl.file == place.file else v
            for v in verdicts
        ]


def _tests(scope: Scope, verdicts: Sequence[Verdict]) -> bool:
    """Whether something is to be tested: what runs examples is loaded only then."""
    return scope.examples > 0 and any(verdict.status is not Status.PROVED for verdict in verdicts)


def _without_loops(verdicts: list[Verdict]) -> list[Verdict]:
    """What is said of a path past a loop rests on the loop's fact: if that fails, nothing of it is proved."""
    failed = next((v for v in verdicts if v.obligation.kind == "bounded" and v.status is not Status.PROVED), None)
    if failed is None:
        return verdicts
    text = f"it rests on `{failed.obligation.name}`, which is {failed.status.name}"
    return [replace(v, status=Status.UNKNOWN, reason=text) if v.status is Status.PROVED else v for v in verdicts]


def _vacuous(base: Verdict, decision: Decision, wanted: Wanted | None) -> Verdict:
    """A state was wanted: without one, whatever is said about it holds for nothing."""
    if decision.outcome is Outcome.PROVED:
        return base
    if decision.outcome is Outcome.MODEL:
        text = "no state of a small machine satisfies it, so everything said about it would hold"
        diagnostic = (
            replace(wanted.diagnostic, notes=(("obligation", base.obligation.name),)) if wanted is not None else None
        )
        return replace(base, status=Status.VACUOUS, reason=text, diagnostic=diagnostic)
    return replace(base, status=Status.UNKNOWN, reason=reason(decision))

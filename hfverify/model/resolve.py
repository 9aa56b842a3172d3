"""Turn the trees of all files into one program: the order of the passes.

Reads   syntax.tree.Module, in any order
Gives   model.program.Program for one revision
Refuses everything that a reader of the specification alone can see to be wrong (HF1xx, HF2xx)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import Collector
from hfverify.model.actors import check_actor, check_thread, collect_actor, collect_thread
from hfverify.model.calls import collect_calls
from hfverify.model.codecs import collect_codecs
from hfverify.model.context import Context
from hfverify.model.declared_types import collect_types
from hfverify.model.definitions import Definition, check_definition, collect_definition
from hfverify.model.locks import check_invariant, collect_locks
from hfverify.model.modules import check_modules
from hfverify.model.owed import check_owed, collect_owed
from hfverify.model.program import Program
from hfverify.model.proof_files import check_proof_files, collect_layouts, collect_proof_files
from hfverify.model.quotients import collect_quotients
from hfverify.model.recursion import check_recursion
from hfverify.model.registers import collect_registers
from hfverify.model.revisions import check_revisions, timeline
from hfverify.model.scenarios import check_scenarios, collect_scenario
from hfverify.model.states import check_state, collect_states
from hfverify.syntax import tree


def resolve(modules: Sequence[tree.Module], revision: str = "") -> Program:
    """Resolve all modules together for one revision (empty: the newest)."""
    collector = Collector()
    line, revisions = timeline(modules, revision, collector)
    context = Context(Program(line.chosen, revisions, modules=tuple(modules)), line, collector)
    declarations = [declaration for module in modules for declaration in module.declarations]
    check_modules(context, modules)
    _collect(context, declarations)
    check_revisions(line, declarations, collector)
    collector.finish()
    check_recursion(context)
    collector.finish()
    _check(context, declarations)
    collector.finish()
    return context.program


def _collect(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """What each name is. Calls wait for the second pass: their lets and outcomes need every other name's type."""
    collect_layouts(context, declarations)
    collect_types(context, declarations)
    collect_states(context, declarations)
    for item in declarations:
        if isinstance(item, Definition):
            collect_definition(context, item)
        elif isinstance(item, tree.Thread):
            collect_thread(context, item)
        elif isinstance(item, tree.Actor):
            collect_actor(context, item)
        elif isinstance(item, tree.Scenario):
            collect_scenario(context, item)
        elif isinstance(item, tree.Owed) and context.exists(item.revisions):
            collect_owed(context, item)
    collect_proof_files(context, declarations)
    collect_locks(context, declarations)


def _check(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """What each name means."""
    for state in context.program.states.values():
        check_state(context, state)
    for item in declarations:
        if isinstance(item, Definition):
            check_definition(context, item)
        elif isinstance(item, tree.Thread):
            check_thread(context, item)
        elif isinstance(item, tree.Actor):
            check_actor(context, item)
        elif isinstance(item, tree.Invariant) and context.exists(item.revisions):
            check_invariant(context, item)
        elif isinstance(item, tree.Owed) and context.exists(item.revisions):
            check_owed(context, item)
    check_proof_files(context, declarations)
    collect_calls(context, declarations)
    collect_registers(context, declarations)
    collect_codecs(context, declarations)
    check_scenarios(context)
    collect_quotients(context.program)


__all__ = ["resolve"]

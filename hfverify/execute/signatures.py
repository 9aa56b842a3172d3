"""How a function of the implementation and what is specified of it fit together.

Reads   model.program.Call, execute.source.Function
Gives   what each parameter stands for; the abbreviations of a call
Refuses a signature that does not fit (HF215)
"""

from __future__ import annotations

import ast

from hfverify.diagnostics import Diagnostic, Rejected, also, at
from hfverify.execute.source import Class, Function, Sources
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Call, Program


def lets(call: Call, env: Env) -> dict[str, SpecValue | Thunk]:
    """The call's abbreviations, bound to the state of the environment."""
    found: dict[str, SpecValue | Thunk] = {}
    for let in call.lets:
        found[let.name] = Thunk(let.value, env.bind(found))
    return found


def bind_parameters(program: Program, sources: Sources, call: Call, function: Function) -> dict[str, str]:
    """What each parameter of the function stands for: the actor, an argument, or the one object of a state."""
    known = {argument.name: str(type_) for argument, type_ in call.arguments}
    objects = {item.name for item in call.objects} | {let.name for let in call.lets}
    meanings: dict[str, str] = {}
    problems: list[Diagnostic] = []
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    for parameter in parameters:
        place = function.module.span(parameter)
        annotation = parameter.annotation
        text = ast.unparse(annotation) if annotation is not None else ""
        if not text:
            problems.append(Diagnostic("HF215", f"the parameter `{parameter.arg}` has no type", (at(place),)))
        elif parameter.arg == call.actor or parameter.arg in known or parameter.arg in objects:
            meanings[parameter.arg] = parameter.arg
            if parameter.arg not in known and not represented_by(program, sources, function, annotation):
                message = f"the type of `{parameter.arg}` is no class that represents a state"
                problems.append(Diagnostic("HF215", message, (at(place),)))
            expected = {"bool": "bool"}.get(known.get(parameter.arg, ""), "int")
            if parameter.arg in known and text != expected:
                message = f"`{parameter.arg}` is {known[parameter.arg]} in the specification, but `{text}` here"
                problems.append(Diagnostic("HF215", message, (at(place), also(call.name_span, "declared here"))))
        elif (state := _root(program, sources, function, annotation)) is not None:
            meanings[parameter.arg] = state
        else:
            message = f"the parameter `{parameter.arg}` is neither an argument of `{call.name}` nor its actor"
            problems.append(Diagnostic("HF215", message, (at(place), also(call.name_span, "specified here"))))
    order = [meaning for meaning in meanings.values() if meaning in known]
    if order != [name for name in known if name in order]:
        message = f"`{function.name}` takes its arguments in another order than the registers of `{call.name}`"
        problems.append(Diagnostic("HF215", message, (at(function.span), also(call.name_span, "specified here"))))
    for argument, _ in call.arguments:
        if argument.name not in meanings:
            message = f"`{function.name}` does not take the argument `{argument.name}`"
            problems.append(Diagnostic("HF215", message, (at(function.span), also(argument.span, "declared here"))))
    if problems:
        raise Rejected(problems)
    return meanings


def represented_by(program: Program, sources: Sources, function: Function, annotation: ast.expr | None) -> set[str]:
    """The states whose objects are of the class that an annotation names."""
    found = sources.resolve(function.module, annotation.id) if isinstance(annotation, ast.Name) else None
    return {s for s, rule in program.represents.items() if isinstance(found, Class) and found.name == rule.target}


def _root(program: Program, sources: Sources, function: Function, annotation: ast.expr | None) -> str | None:
    if not isinstance(annotation, ast.Name):
        return None
    states = represented_by(program, sources, function, annotation)
    return next((state for state in program.states if state in states and not program.states[state].keys), None)

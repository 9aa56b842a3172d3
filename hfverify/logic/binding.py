"""The solver's binding without what takes most of its time: it asks after each call whether that went wrong.

Reads   the `z3` package; if one of the functions is not there, as in another version, all of them stay as they are
Gives   lighten(): terms are made and looked at as before, in two thirds of the time
Refuses to make a term where the library does (Z3Exception): it gives none, and that is seen where it would be wrapped
"""

from __future__ import annotations

import ctypes
from typing import Any

import z3
from z3 import z3core, z3types

# What makes a term, or looks at one. With terms that are there, looking cannot go wrong; what takes a number that may
# be too large, and gives a sort, is left as it is.
LIGHT = """
inc_ref dec_ref get_ast_kind get_ast_id is_eq_ast get_sort get_sort_kind is_eq_sort get_bool_value get_app_decl
get_app_num_args get_app_arg get_decl_kind get_decl_name get_symbol_kind get_arity mk_int_sort mk_bool_sort mk_int
mk_const mk_app mk_eq mk_and mk_or mk_not mk_implies mk_ite mk_lt mk_le mk_gt mk_ge mk_add mk_sub mk_mul mk_select
mk_select_n mk_store mk_store_n
"""
# Of the library's procedures for numbers, the one with a plain simplex. Almost all that is asked of numbers is how two
# of them compare: it needs half the time of the default one, and less luck.
SIMPLEX = 2
WRAPPERS = {z3.Z3_BOOL_SORT: z3.BoolRef, z3.Z3_INT_SORT: z3.ArithRef, z3.Z3_ARRAY_SORT: z3.ArrayRef}


def lighten() -> None:
    """Change the binding of this process; once more changes nothing."""
    binding = z3.z3
    # It looks at every argument before the library does so again.
    binding.Z3_DEBUG = False
    found = {f"Z3_{name}": _foreign(f"Z3_{name}") for name in LIGHT.split()}
    if None in found.values() or binding.Z3_mk_eq is not z3core.Z3_mk_eq:
        return
    for name, function in found.items():
        setattr(binding, name, function)
    count, discount = found["Z3_inc_ref"], found["Z3_dec_ref"]
    kind, sort, sort_kind = found["Z3_get_ast_kind"], found["Z3_get_sort"], found["Z3_get_sort_kind"]
    wrapped_as_before = binding._to_expr_ref

    def begin(self: Any, ast: Any, ctx: z3.Context | None = None) -> None:
        self.ast = ast
        self.ctx = ctx = z3.main_ctx() if ctx is None else ctx
        if not ast:
            raise _refusal(ctx)
        count(ctx.ctx, ast)

    def end(self: Any) -> None:
        # A term of which nothing was given has no number; at the end of the process there may be no context.
        if self.ast and self.ctx.ctx is not None:
            discount(self.ctx.ctx, self.ast)
            self.ast = None

    def wrapped(ast: Any, ctx: z3.Context) -> z3.ExprRef:
        context = ctx.ctx
        if not ast:
            raise _refusal(ctx)
        if not isinstance(ast, z3types.Pattern) and kind(context, ast) == z3.Z3_APP_AST:
            wrapper = WRAPPERS.get(sort_kind(context, sort(context, ast)))
            if wrapper is not None:
                return wrapper(ast, ctx)
        return wrapped_as_before(ast, ctx)

    binding.AstRef.__init__ = begin
    binding.AstRef.__del__ = end
    binding._to_expr_ref = wrapped


def _foreign(name: str) -> Any:
    """The library's function itself, for arguments that are pointers of whatever kind; None if it is not found."""
    defaults = getattr(getattr(z3core, name, None), "__defaults__", None) or (None,)
    known = getattr(defaults[-1], "f", None)
    if known is None or known.argtypes is None:
        return None
    pointer = ctypes.c_void_p
    types = [pointer if issubclass(type_, pointer) else type_ for type_ in known.argtypes]
    # It is over soon: nobody else need run meanwhile.
    address = ctypes.cast(known, pointer).value
    return ctypes.PYFUNCTYPE(known.restype, *types)(address) if address is not None else None


def _refusal(ctx: z3.Context) -> z3.Z3Exception:
    """Why the library gave nothing."""
    message = _foreign("Z3_get_error_msg")
    return z3.Z3Exception(message(ctx.ctx, z3core.Z3_get_error_code(ctx.ctx)).decode())

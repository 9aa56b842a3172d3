"""Write diagnostics one to a line, for editors and other programs.

Reads   diagnostics.Diagnostic
Gives   lines: `file:line:column:endline:endcolumn: severity[code]: text`
Refuses nothing: a diagnostic without a place is about `hfverify:0:0:0:0`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hfverify.diagnostics import Diagnostic
from hfverify.report.excerpt import visible


def lines(diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
    """One line for each diagnostic, at its primary span."""
    for diagnostic in diagnostics:
        span = diagnostic.span
        place = f"{span.file or 'hfverify'}:{span.line}:{span.column}:{span.end_line}:{span.end_column}"
        yield f"{place}: {diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"

"""The Sphinx domain `hf`: what pages declare, how they and other projects link to it.

Reads   directives and roles
Gives   Domain: calls, cases, locks, cells, revisions, obligations, diagnostic codes, invariants, promises and types,
        with anchors that are their names, and an inventory of them
Refuses a second declaration of a name, a target that nothing declares (both as warnings, which `-W` turns into errors)
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, ClassVar, cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain as SphinxDomain
from sphinx.domains import ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import OptionSpec, RoleFunction

from hfverify.publish.listing import Listing, line_anchor, page_of
from hfverify.publish.marking import Banner, MarkRole, new_state
from hfverify.publish.renamed import old_names
from hfverify.publish.switch import CONTEXT, AsOf, Switch, as_of
from hfverify.publish.tables import Table

logger = logging.getLogger(__name__)
NAME = "hf"
DECLARED = {
    "call": "call",
    "case": "case",
    "lock": "lock",
    "cell": "cell",
    "rev": "revision",
    "obligation": "obligation",
    "code": "diagnostic code",
    "invariant": "invariant",
    "owed": "promise",
    "type": "type",
    "definition": "definition",
}
# An obligation may have the name of a case, an invariant that of anything: their anchors say what they are.
PREFIXED = ("case", "invariant")
# Between a revision and a name that is meant as it was there.
PAST = ":"
# A role that leads to what the project says about a code, below a label that is the code.
EXAMPLE = "example"
Objects = dict[tuple[str, str], tuple[str, str]]


def at_revision(name: str, revision: str) -> str:
    """The name of an object at a revision that is not the chosen one."""
    return f"{revision}{PAST}{name}" if revision else name


def claim(document: nodes.document, anchors: list[str], node: nodes.Element) -> None:
    """Give a node its anchor, and those that it had.

    A heading that has one by chance gets another one: names do not change, headings may.
    """
    node["ids"] = list(anchors)
    for anchor in anchors:
        other = document.ids.get(anchor)
        document.ids[anchor] = node
        if isinstance(other, nodes.section):
            other["ids"].remove(anchor)
            document.set_id(other)


class Declare(SphinxDirective):
    """Declares an object; with content, a card that begins with its name and what `head` says."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = {"head": directives.unchanged, "class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """The anchor, or the card."""
        kind, name = self.name.split(":")[-1], self.arguments[0]
        revision = as_of(self.env)
        anchors = domain_of(self.env).declare(kind, name, self.env.docname, self.get_location(), revision)
        anchor = anchors[0]
        if not self.content and "head" not in self.options:
            target = nodes.target("", "")
            claim(self.state.document, anchors, target)
            index = addnodes.index(entries=[("single", f"{name} ({DECLARED[kind]})", anchor, "", None)])
            return [target] if revision else [index, target]
        card = nodes.container("", classes=["hf-card", f"hf-{kind}", *self.options.get("class", [])])
        claim(self.state.document, anchors, card)
        head = nodes.paragraph("", "", classes=["hf-head"])
        head += nodes.literal(name, name.rsplit(".", 1)[-1] if kind == "case" else name, classes=["hf-name"])
        inline, messages = self.parse_inline(self.options.get("head", ""))
        head += [nodes.Text(" "), *inline, nodes.Text(" ")]
        head += nodes.reference(
            "", "¶", refid=anchor, classes=["headerlink"], reftitle=f"Link to {name}", internal=True
        )
        card += head
        card += self.parse_content_to_nodes()
        return [card, *messages]


class Anchor(SphinxDirective):
    """An anchor that is exactly this text, where something has a place and no name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The anchor."""
        target = nodes.target("", "")
        claim(self.state.document, [self.arguments[0]], target)
        return [target]


class Row(SphinxRole):
    """Declares an obligation in the row of a table, after the verb of the command that asks about it again."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The command, in which the name has the anchor."""
        verb, _, name = self.text.rpartition(" ")
        anchors = domain_of(self.env).declare("obligation", name, self.env.docname, self.get_location())
        found = nodes.inline("", "", classes=["hf-row"])
        claim(self.inliner.document, anchors, found)
        found += nodes.reference("", "", nodes.literal(name, name), refid=anchors[0], internal=True)
        command = nodes.literal("", "", nodes.inline(verb, verb), nodes.Text(" "), classes=["hf-command"])
        return [command, found], []


class SpecRole(SphinxRole):
    """Text of a specification, highlighted."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The text as code."""
        return [nodes.literal(self.text, self.text, classes=["code", "highlight"], language="hfs")], []


class Reference(XRefRole):
    """A link to an object; a name after `~` is shown without what stands before its last dot."""

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """Title and target; on the page of another revision, a name is one of that revision if it is there."""
        if revision := as_of(env):
            refnode[CONTEXT] = revision
        if not has_explicit_title and target.startswith("~"):
            target = target[1:]
            title = target.rsplit(".", 1)[-1]
        return title, target


class Domain(SphinxDomain):
    """What the specification declares, and what is known about it."""

    name = NAME
    label = "hfverify"
    object_types: ClassVar[dict[str, ObjType]] = {kind: ObjType(label, kind) for kind, label in DECLARED.items()}
    directives: ClassVar[dict[str, type[SphinxDirective]]] = {
        **dict.fromkeys(DECLARED, Declare),
        "anchor": Anchor,
        "banner": Banner,
        "listing": Listing,
        "as-of": AsOf,
        "other-revisions": Switch,
        "table": Table,
    }  # type: ignore[assignment]
    roles: ClassVar[dict[str, RoleFunction | XRefRole]] = {
        **{kind: Reference(warn_dangling=True) for kind in DECLARED},
        EXAMPLE: XRefRole(),
        "source": XRefRole(warn_dangling=True, innernodeclass=nodes.inline),
        "row": Row(),
        "mark": MarkRole(),
        "legend": MarkRole(),
        "spec": SpecRole(),
    }
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}, "marking": new_state()}
    data_version = 2

    @property
    def objects(self) -> Objects:
        """Page and anchor of each object."""
        return cast(Objects, self.data["objects"])

    def declare(self, kind: str, name: str, docname: str, location: str, revision: str = "") -> list[str]:
        """Note an object, by the names that it had too; an anchor is a name, with the kind where names can be equal."""
        full = at_revision(name, revision)
        known = self.objects.get((kind, full))
        if known is not None and known[0] != docname:
            logger.warning("the %s `%s` is declared in `%s` too", DECLARED[kind], full, known[0], location=location)
        anchors = []
        for item in (name, *old_names(self.env.config.hfverify_renamed, kind, name)):
            anchors.append(f"{kind}.{item}" if kind in PREFIXED else item)
            self.objects[kind, at_revision(item, revision)] = (docname, anchors[-1])
        return anchors

    def clear_doc(self, docname: str) -> None:
        """Forget what a page declared."""
        for key in [key for key, (page, _) in self.objects.items() if page == docname]:
            del self.objects[key]
        self.data["marking"]["pages"].discard(docname)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process has read."""
        self.objects.update({key: found for key, found in otherdata["objects"].items() if found[0] in docnames})
        self.data["marking"]["pages"] |= otherdata["marking"]["pages"] & docnames

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """The link, or nothing if there is no such object."""
        if typ == "source":
            return self._source(env, fromdocname, builder, target, contnode)
        if typ == EXAMPLE:
            page, anchor = env.domains.standard_domain.anonlabels.get(target.lower(), ("", ""))
            return make_refnode(builder, fromdocname, page, anchor, [contnode], target) if page else None
        then = at_revision(target, node.get(CONTEXT, ""))
        found = self.objects.get((typ, then)) or self.objects.get((typ, target))
        return make_refnode(builder, fromdocname, found[0], found[1], [contnode], target) if found else None

    def _source(
        self, env: BuildEnvironment, fromdocname: str, builder: Builder, target: str, contnode: nodes.Element
    ) -> nodes.reference | None:
        """A line of a source: where the pattern says, or on the page of the file."""
        file, _, line = target.rpartition(":")
        if env.config.hfverify_source_link:
            uri = env.config.hfverify_source_link.format(file=file, line=line)
            return nodes.reference("", "", contnode, refuri=uri, internal=False)
        page = f"{env.config.hfverify_folder}/{page_of(file)}"
        if page not in env.found_docs:
            return None
        return make_refnode(builder, fromdocname, page, line_anchor(int(line)), [contnode], target)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """Every object of this name, whatever it is."""
        found = [(kind, self.objects[kind, target]) for kind in DECLARED if (kind, target) in self.objects]
        return [
            (f"{NAME}:{kind}", make_refnode(builder, fromdocname, page, anchor, [contnode.deepcopy()], target))
            for kind, (page, anchor) in found
        ]

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """For the inventory and the search, in which obligations and what was once are left out."""
        for (kind, name), (docname, anchor) in sorted(self.objects.items()):
            yield name, name, kind, docname, anchor, -1 if kind == "obligation" or PAST in name else 1


def forgive(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element) -> nodes.Element | None:
    """On the page of another revision, a name of then may be nothing any more; not every project has examples."""
    if node.get("refdomain") == NAME and node["reftype"] == EXAMPLE:
        return nodes.inline()
    return contnode if node.get("refdomain") == NAME and CONTEXT in node else None


def domain_of(env: BuildEnvironment) -> Domain:
    """The domain of a build."""
    return cast(Domain, env.get_domain(NAME))

"""The reference of make targets and their variables, written from the Makefile.

A target is documented by ``name: ...  ## what it does``, and at more length by the lines ``#: ...`` above it.
A variable that a user may set is documented by ``#: ...`` lines above its definition. The directives
``{make-targets}`` and ``{make-variables}`` write both lists; a target is linked with ``{make}`demo```.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"

#: Variables that stand for others: the reader sees the one that he sets.
STANDS_FOR = {"CONFIGFILE": "CONFIG", "BIN": "", "VENV": "", "READY": "", "MAKEFILE_LIST": ""}


@dataclass(frozen=True)
class Target:
    """A documented target: its name, one line, the lines above it, and the variables it takes."""

    name: str
    summary: str
    details: str
    variables: tuple[str, ...]


@dataclass(frozen=True)
class Variable:
    """A documented variable: its name, its default, and what it says."""

    name: str
    default: str
    meaning: str


def rules(makefile: str) -> list[tuple[str, str, list[str], list[str]]]:
    """Head, ``##`` text, ``#:`` lines and recipe of every rule of a Makefile, in order."""
    found: list[tuple[str, str, list[str], list[str]]] = []
    said: list[str] = []
    for line in makefile.splitlines():
        head = re.match(r"^([a-z$][\w()$]*):(?!=)(.*)$", line)
        if line.startswith("#: "):
            said.append(line[3:].strip())
        elif head:
            prerequisites, _, summary = head.group(2).partition("##")
            found.append((head.group(1), summary.strip(), said, [prerequisites]))
            said = []
        elif line.startswith(("\t", " ")) and found:
            found[-1][3].append(line)
        elif not line.startswith("#"):
            said = []
    return found


def targets(makefile: str) -> list[Target]:
    """Documented targets of a Makefile, in its order."""
    result = []
    for name, summary, details, recipe in rules(makefile):
        if not summary:
            continue
        used = re.findall(
            r"\$[({](?:or |if |filter \w+,|filter-out \w+,|\$\(|,)*([A-Z_]+)", "\n".join(recipe)
        )
        used += re.findall(r"\$\(([A-Z_]+)\)", "\n".join(recipe))
        used += re.findall(r"`([A-Z_]+)=", " ".join(details))
        plain = [STANDS_FOR.get(variable, variable) for variable in used]
        result.append(Target(name, summary, " ".join(details), tuple(dict.fromkeys(filter(None, plain)))))
    return result


def variables(makefile: str) -> list[Variable]:
    """Documented variables of a Makefile, in its order."""
    pattern = r"((?:^#: .*\n)+)^([A-Z_]+) [?:]?= ?(.*)$"
    return [
        Variable(name, default.strip(), " ".join(line[3:].strip() for line in said.splitlines()))
        for said, name, default in re.findall(pattern, makefile, flags=re.MULTILINE)
    ]


class MakeTargets(SphinxDirective):
    """One entry per documented target."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write the entries as Markdown and let the parser of the page read them."""
        self.env.note_dependency(str(MAKEFILE))
        lines = []
        for target in targets(MAKEFILE.read_text()):
            summary = target.summary[:1].upper() + target.summary[1:]
            lines += [f":::{{make}} {target.name}", "", f"{summary}.", ""]
            if target.details:
                lines += [target.details, ""]
            if target.variables:
                names = ", ".join(f"{{ref}}`{name} <make-{name}>`" for name in target.variables)
                lines += [f"Variables: {names}", ""]
            lines += [":::", ""]
        return self.parse_text_to_nodes("\n".join(lines))


class MakeVariables(SphinxDirective):
    """One entry per documented variable."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write the entries as Markdown and let the parser of the page read them."""
        self.env.note_dependency(str(MAKEFILE))
        lines = []
        for variable in variables(MAKEFILE.read_text()):
            default = f"`{variable.default}`" if variable.default else "empty"
            lines += [
                f"(make-{variable.name})=",
                f"`{variable.name}` (default: {default})",
                f": {variable.meaning}",
                "",
            ]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and the role that links to a target."""
    app.add_object_type("make", "make", objname="make target", indextemplate="pair: %s; make target")
    app.add_directive("make-targets", MakeTargets)
    app.add_directive("make-variables", MakeVariables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

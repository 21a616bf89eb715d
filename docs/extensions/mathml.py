"""Formulas as MathML, which browsers show by themselves.

The manual needs neither a network nor JavaScript for them.
"""

from __future__ import annotations

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx


def rendered(tex: str, block: bool) -> str:
    """MathML of a formula in TeX.

    Raises
    ------
    docutils.utils.math.MathError
        If the formula uses what the converter does not know.
    """
    return tex2mathml(tex, as_block=block)


def inline(translator: object, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(rendered(node.astext(), block=False))  # type: ignore[attr-defined]
    raise nodes.SkipNode


def displayed(translator: object, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has one."""
    body = translator.body  # type: ignore[attr-defined]
    body.append(translator.starttag(node, "div", CLASS="math"))  # type: ignore[attr-defined]
    if node["number"]:
        body.append(f'<span class="eqno">({node["number"]})')
        translator.add_permalink_ref(node, "Link to this equation")  # type: ignore[attr-defined]
        body.append("</span>")
    body.append(rendered(node.astext(), block=True))
    body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

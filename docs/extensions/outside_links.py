"""Links that leave the folder of the manual.

Pages are read both in the repository, where a link to ``../config.yaml`` is right, and in the built manual,
which has copies of a few texts only. Links to those become links to their pages; any other file of the
repository becomes a download. A link to what is not there is a warning, which ends the build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

DOCS = Path(__file__).resolve().parents[1]
REPOSITORY = DOCS.parent
LOGGER = logging.getLogger(__name__)

#: Texts of the repository and the pages that show them.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CHANGELOG.md": "results-log/changelog.md",
    "CONTRIBUTING.md": "howto/contribute.md",
    "datasets/ka2d/README.md": "reference/dataset.md",
    "src/tglassmlp/data/networks/laptop.md": "reference/networks-laptop.md",
    "src/tglassmlp/data/networks/ka2d.md": "reference/networks-ka2d.md",
    "src/tglassmlp/data/networks/demo.md": "reference/networks-demo.md",
}
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/|<)([^)\s#]+)((?:#[\w.-]+)?\))")


def mapped(target: str, page: str, home: str) -> str:
    """Target of a link, as it has to be in the manual.

    Parameters
    ----------
    target
        Path as it is written.
    page
        Page of the manual, relative to ``docs/``, that shows the link.
    home
        File that the text comes from, relative to the repository: paths count from its folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
    if path in PAGES:
        return "/" + PAGES[path]
    if not (REPOSITORY / path).exists():
        raise FileNotFoundError(path)
    inside = posixpath.relpath(path, "docs")
    return (
        f"/{inside}"
        if not inside.startswith("..")
        else posixpath.relpath(path, posixpath.join("docs", posixpath.dirname(page)))
    )


def rewritten(text: str, page: str, home: str) -> tuple[str, list[str]]:
    """Text with its links mapped, and the paths that are not there."""
    missing: list[str] = []

    def one(match: re.Match[str]) -> str:
        try:
            return match.group(1) + mapped(match.group(2), page, home) + match.group(3)
        except FileNotFoundError as error:
            missing.append(str(error))
            return match.group(0)

    return LINK.sub(one, text), missing


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Rewrite the links of a page, or put the text of the repository that it shows in its place."""
    page = f"{docname}.md"
    if not (DOCS / page).exists():
        return
    shown = {shown: home for home, shown in PAGES.items() if home != "README.md"}
    home = shown.get(page, f"docs/{page}")
    if page in shown:
        content[0] = (REPOSITORY / home).read_text()
        app.env.note_dependency(str(REPOSITORY / home))
    content[0], missing = rewritten(content[0], page, home)
    for path in missing:
        LOGGER.warning("link to %s, which is not there", path, location=docname)


def setup(app: Sphinx) -> dict[str, bool]:
    """Read every page through :func:`read`."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

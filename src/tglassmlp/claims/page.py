"""The page of claims: the paper's claims beside a run's numbers, then the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tglassmlp.claims.claims import claims
from tglassmlp.claims.reading import Numbers
from tglassmlp.claims.verdict import FOREIGN, UNSEEN, Claim
from tglassmlp.labels import BOND_BREAKING, Label
from tglassmlp.mixture import Mixture
from tglassmlp.published import PAPER, published_for, system_key

__all__ = ["Picture", "report"]


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it: what the paper calls it, file, and caption."""

    label: str
    file: str
    caption: str


def report(
    numbers: Numbers,
    run: str,
    scale: str,
    t_mins: Sequence[str],
    mixture: Mixture,
    central_species: int,
    pictures: Sequence[Picture] = (),
    label: Label = BOND_BREAKING,
) -> str:
    """Markdown page: claims, numbers and verdicts, then the pictures.

    In a run of another system than the paper's, statements are judged and the paper's numbers only listed.

    Parameters
    ----------
    numbers
        ``numbers`` of ``numbers.json``.
    run, scale
        Name of the run and a sentence on its size.
    t_mins
        Canonical T_min of the models, the main one first.
    mixture, central_species
        The run's mixture, and the species whose particles are labelled.
    pictures
        Figures to show, with files relative to the page.
    label
        What the networks of the run have learnt.
    """
    own = published_for(system_key(mixture, central_species, label.name))
    judged = [
        c if own or c.general else replace(c, verdict=FOREIGN)
        for c in claims(numbers, t_mins, own or PAPER, own is not None)
    ]
    verdicts = [c.verdict for c in judged]
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts)))
    files = {p.label: p.file for p in pictures}
    system = f"{mixture.name} with N = {sum(mixture.composition)}"
    lines = [
        "# What of the paper is reproduced" if own else f"# What the paper says, asked of {mixture.name}",
        "",
        f"Generated from `results/{run}/numbers.json`, not written by hand. {scale}",
        "",
    ]
    if not own:
        lines += [
            "**This run is of another system than the paper's.** The paper and GlassBench are of "
            f"{PAPER.name}, labelled with the {BOND_BREAKING.title} of species 1; this run is of {system}, "
            f"labelled with the {label.title} of species {central_species}. Statements about supercooled "
            "liquids and about the method are judged "
            "for this liquid, by this run's numbers alone; sizes of effects in brackets are those that the "
            f"paper's system shows. Numbers of {PAPER.name} stand in a table of their own and are "
            f"*{FOREIGN}*.",
            "",
        ]
    lines += [
        "A verdict is arithmetic: *agrees* or *disagrees* beyond two standard errors. Within them it is "
        f"*undecided* if the effect in question would have been seen, and *{UNSEEN}* if two standard errors "
        "exceed that effect or the run gives no number. Errors are those over structures and over networks "
        "or training sets together, methods compared on the same structures, and growth is that of a power "
        "law of T fitted to all temperatures and C_B together, for every network (`docs/statistics.md`). "
        f"Count: {counted}.",
        "",
        "| figure | the paper | this run | verdict |",
        "| --- | --- | --- | --- |",
    ]

    def row(c: Claim) -> str:
        name = f"[{c.figure}]({files[c.figure]})" if c.figure in files else c.figure
        return f"| {name} | {c.claim} | {c.ours} | {c.verdict} |"

    lines += [row(c) for c in judged if own or c.general]
    if not own:
        lines += [
            "",
            f"Numbers of {PAPER.name}, not of {mixture.name}:",
            "",
            f"| figure | the paper, of {PAPER.name} | this run, of {mixture.name} | |",
            "| --- | --- | --- | --- |",
            *(row(c) for c in judged if not c.general),
        ]
    for picture in pictures:
        lines += ["", f"![{picture.label}]({picture.file})", "", picture.caption]
    return "\n".join(lines) + "\n"

"""Words of the command line of ``tglassmlp``, and what its exit status means.

The exit status is 0 where everything asked for was done, 2 where the words were not understood, 1 where
something that they name cannot be used (a file, networks, a state point), and 130 after an interruption.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tglassmlp import __version__
from tglassmlp.command.words import in_words_of_the_command
from tglassmlp.network.library import DEFAULT

__all__ = ["DEFAULT_NETWORKS", "main", "parser"]

#: Networks that predict unless others are named.
DEFAULT_NETWORKS = DEFAULT

_EPILOG = """\
examples:
  tglassmlp predict configuration.gsd --temperature 0.30 --c-b 0.5
  tglassmlp predict dump.lammpstrj --frame -1 --species 1=1,2=3,3=2 --temperature 0.30 --c-b 0.5 --out maps
  tglassmlp networks
"""

_PREDICT = """\
Predict how the particles of one configuration will move, from their positions alone, and draw it.

The file holds a thermal configuration: positions as the simulation has them, not an inherent structure. It
may be of any format that tglassmlp.read_configurations reads. The command writes three files, which it names
after the file and the state point:
  .png   a map of the propensity: blue particles are arrested, red ones are active
  .csv   one row for every particle with a prediction: particle (its place among the particles as they were
         read, counted from 0), species, x, y, propensity (mean over the networks) and spread (standard
         deviation over the networks)
  .gsd   the configuration with the same quantities, which OVITO shows as particle properties
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    formatter = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser(
        prog="tglassmlp",
        description="Dynamics of supercooled liquids, predicted from structure by trained networks.",
        epilog=_EPILOG,
        formatter_class=formatter,
    )
    whole.add_argument("--version", action="version", version=f"tglassmlp {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="predict the propensities of one configuration: picture, CSV and GSD",
        description=_PREDICT,
        formatter_class=formatter,
        allow_abbrev=False,
    )
    predict.add_argument("file", metavar="FILE", type=Path, help="file that holds the configuration")
    point = predict.add_argument_group("state point")
    point.add_argument(
        "--temperature", metavar="T", type=_number, required=True,
        help="temperature of the configuration, in Lennard-Jones units",
    )  # fmt: skip
    point.add_argument(
        "--c-b", metavar="C", type=_number, required=True,
        help="mean propensity C_B that stands for the time: 1 at the start, 0 when all neighbours are lost; "
        "0.5 at the relaxation time",
    )  # fmt: skip
    point.add_argument(
        "--allow-outside", action="store_true",
        help="predict also at a state point outside the range that the networks were made for",
    )  # fmt: skip
    chosen = predict.add_argument_group("input and output")
    chosen.add_argument(
        "--networks", metavar="NAME", default=DEFAULT_NETWORKS,
        help="networks that come with the package (see 'tglassmlp networks'), or the path of a networks file "
        "of a run (default: %(default)s)",
    )  # fmt: skip
    chosen.add_argument(
        "--species", metavar="A=1,B=2,C=3", type=species_map,
        help="which species of the mixture each type of the file is, where its names do not say so",
    )  # fmt: skip
    chosen.add_argument(
        "--frame", metavar="K", type=int,
        help="frame to use where the file holds several, counted from 0; -1 is the last one",
    )  # fmt: skip
    chosen.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(),
        help="folder for the three files, made if it does not exist (default: the current folder)",
    )  # fmt: skip
    chosen.add_argument(
        "--limits", metavar="LOW,HIGH", type=limits,
        help="values at the ends of the colour scale (default: 0,1, the range of the propensity)",
    )  # fmt: skip
    commands.add_parser(
        "networks",
        help="list the networks that come with the package",
        description="List the networks that come with the package, and what they were made for.",
    )
    return whole


def species_map(text: str) -> dict[str, int]:
    """Read the meaning of the types of a file from ``A=1,B=2,C=3``.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is not of that form, or names a type twice.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.rpartition("="))
        if not (name and equals and number.isascii() and number.isdigit()):
            raise argparse.ArgumentTypeError(f"must look like A=1,B=2,C=3, found {text!r}")
        if name in found:
            raise argparse.ArgumentTypeError(f"names the type {name!r} twice: {text!r}")
        found[name] = int(number)
    return found


def limits(text: str) -> tuple[float, float]:
    """Read the ends of the colour scale from ``LOW,HIGH``.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is not of that form, or the numbers do not rise.
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"must look like 0.2,0.8, found {text!r}")
    low, high = (_number(part) for part in parts)
    if not low < high < float("inf") or low == float("-inf"):
        raise argparse.ArgumentTypeError(f"must be two rising numbers, found {text!r}")
    return low, high


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, found {text!r}") from None


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line asks for.

    Parameters
    ----------
    words
        Words after the name of the command; None: those of this process.

    Returns
    -------
    int
        The exit status; see the text of this module.
    """
    chosen = parser().parse_args(words)
    try:
        with _warnings_as_lines():
            _do(chosen)
    except KeyboardInterrupt:
        print("tglassmlp: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"tglassmlp: error: {error}: install the extra tglassmlp[workflow]", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError) as error:
        print(f"tglassmlp: error: {_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def _do(chosen: argparse.Namespace) -> None:
    # loaded here: --help and wrong words must not wait for the numerics
    if chosen.command == "networks":
        from tglassmlp.command.listing import list_networks

        list_networks()
        return
    from tglassmlp.command.predict import predict

    predict(
        chosen.file, chosen.temperature, chosen.c_b, chosen.networks, chosen.species, chosen.frame,
        chosen.out, chosen.allow_outside, chosen.limits,
    )  # fmt: skip


def _sentence(error: Exception) -> str:
    """Return what went wrong; the system's own errors begin with the file and leave out their number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return in_words_of_the_command(str(error))


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print each warning of the package as one line without the place in the code, and each once."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = in_words_of_the_command(str(message))
        if text not in seen:
            seen.add(text)
            print(f"tglassmlp: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = show
        yield

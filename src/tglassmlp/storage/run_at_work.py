"""Which run this process works for: its folder, identity and mixture, and what its files carry of them.

:func:`work_for` sets the environment variables ``TGLASSMLP_RUN_FOLDER``, ``TGLASSMLP_RUN_IDENTITY`` and
``TGLASSMLP_RUN_MIXTURE``, which the processes that are started inherit. A file in the run's folder then
carries its place there, the run's identity (seed and system) and the name and fingerprint of its mixture, and
a reader refuses one that belongs to another place, run or mixture. A writer refuses to leave the run's folder
through a symbolic link. Outside a run nothing is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tglassmlp import species as species_names
from tglassmlp.mixture import Mixture

__all__ = ["check_belongs", "check_mixture_of_run", "place_in_run", "stamped", "stay_inside", "work_for"]


#: What to do about a file that belongs elsewhere: it may be the only copy of what it holds.
_MISPLACED: Final = "move this file away and repeat the command: the run makes its own"


def work_for(folder: str | os.PathLike[str], identity: str, mixture: Mixture) -> None:
    """Make this process and those it starts read and write the files of one run.

    Files then carry their place in the run's folder, the run's identity and its mixture, and readers refuse
    those of another place, run or mixture.

    Parameters
    ----------
    folder
        The run's folder.
    identity
        Fingerprint of seed and system.
    mixture
        The run's mixture.
    """
    named = {"name": mixture.name, "fingerprint": species_names.identity(mixture)}
    os.environ.update(
        TGLASSMLP_RUN_FOLDER=os.path.abspath(folder),
        TGLASSMLP_RUN_IDENTITY=identity,
        TGLASSMLP_RUN_MIXTURE=json.dumps(named),
    )


def _run_folder() -> Path | None:
    """Return the folder of the run that this process works for, None outside a workflow."""
    folder = os.environ.get("TGLASSMLP_RUN_FOLDER")
    return Path(folder) if folder else None


def place_in_run(path: str | os.PathLike[str]) -> str | None:
    """Return the path inside the run's folder with forward slashes, None outside it or outside a workflow."""
    folder = _run_folder()
    if folder is None:
        return None
    absolute = Path(os.path.abspath(path))
    return absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else None


def _run_mixture() -> dict[str, str] | None:
    """Return name and fingerprint of the run's mixture, None outside a workflow."""
    found = os.environ.get("TGLASSMLP_RUN_MIXTURE")
    return None if not found else dict(json.loads(found))


def stay_inside(target: Path) -> None:
    """Refuse a file in the run's folder that a symbolic link leads out of it."""
    folder = _run_folder()
    if folder is None or place_in_run(target) is None:
        return
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{target}: a symbolic link leads to {target.parent.resolve()}, outside the run's folder; "
            "the folder of a run may be a link itself, but nothing within it"
        )


def stamped(path: str | os.PathLike[str], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return provenance with the file's place in its run and the run's identity, where there is a run."""
    record, place = dict(provenance), place_in_run(path)
    if place is not None:
        record |= {"place": place, "identity": os.environ.get("TGLASSMLP_RUN_IDENTITY")}
    mixture = _run_mixture()
    if place is not None and mixture is not None:
        record["mixture"] = mixture
    return record


def check_belongs(path: str | os.PathLike[str], provenance: Any) -> None:
    """Refuse a file of another place or run."""
    if not isinstance(provenance, Mapping):
        return
    place = place_in_run(path)
    if place is None or "place" not in provenance:
        return
    if provenance["place"] != place:
        raise ValueError(
            f"{path}: holds what belongs to {provenance['place']} of a run (copied or moved?); {_MISPLACED}"
        )
    if isinstance(provenance.get("mixture"), Mapping):
        check_mixture_of_run(path, provenance["mixture"])
    identity = os.environ.get("TGLASSMLP_RUN_IDENTITY")
    if provenance.get("identity") != identity:
        raise ValueError(
            f"{path}: made by a run with another seed or system (identity {provenance.get('identity')}, "
            f"this run has {identity}); {_MISPLACED}"
        )


def check_mixture_of_run(path: str | os.PathLike[str], named: Mapping[str, Any]) -> None:
    """Refuse a file in the run's folder that names another mixture than the run's."""
    mixture = _run_mixture()
    if mixture is None or place_in_run(path) is None or named.get("fingerprint") == mixture["fingerprint"]:
        return
    raise ValueError(
        f"{path}: is of the mixture {named.get('name')} (fingerprint {named.get('fingerprint')}), this run "
        f"simulates {mixture['name']} (fingerprint {mixture['fingerprint']}); {_MISPLACED}"
    )

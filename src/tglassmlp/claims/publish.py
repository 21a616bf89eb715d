"""A copy of a run's page of claims for version control, with small figures."""

from __future__ import annotations

import re
import shutil
from os import PathLike
from pathlib import Path

from tglassmlp.storage import atomic_path

__all__ = ["publish"]


def publish(run: str | PathLike[str], page: str | PathLike[str], width: int = 1100) -> int:
    """Copy a run's ``reproduction.md`` to another place, its figures small enough for version control.

    Parameters
    ----------
    run
        The run's folder.
    page
        The copy; its figures go into a folder beside it of the same name, which is made anew.
    width
        Largest width of a figure in pixels; colours are reduced to 256.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    FileNotFoundError
        If the run has no page of claims, or a figure is missing.
    """
    from PIL import Image

    run, page = Path(run), Path(page)
    text = (run / "reproduction.md").read_text()
    files = sorted(set(re.findall(r"\]\(figures/([\w.]+)\)", text)))
    missing = [f for f in files if not (run / "figures" / f).exists()]
    if missing:
        raise FileNotFoundError(f"{run}/figures lacks {', '.join(missing)}")
    folder = page.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = 0
    for name in files:
        with Image.open(run / "figures" / name) as image:
            scale = min(1.0, width / image.width)
            size = round(image.width * scale), round(image.height * scale)
            small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            small.quantize(256, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        written += (folder / name).stat().st_size
    text = text.replace("](figures/", f"]({folder.name}/")
    with atomic_path(page) as temporary:
        temporary.write_text(text)
    return written + page.stat().st_size

"""How structures are divided: into training, validation and test, and into the chunks that jobs make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tglassmlp.state_point import canonical

__all__ = ["Reported", "Split", "chunk_ranges", "split"]


@dataclass(frozen=True)
class Split:
    """Structure numbers by use; ``train`` excludes ``validation``."""

    train: list[int]
    validation: list[int]
    test: list[int]

    @property
    def number(self) -> int:
        """Structures that every temperature has."""
        return len(self.train) + len(self.validation) + len(self.test)

    def with_extra(self, total: int) -> Split:
        """Division of a temperature with ``total`` structures: those beyond ``number`` are for training.

        Raises
        ------
        ValueError
            If there are fewer than ``number``.
        """
        if total < self.number:
            raise ValueError(f"{self.number} structures are divided, found {total}")
        return replace(self, train=[*self.train, *range(self.number, total)])

    def without_fold(self, fold: int, folds: int) -> Split:
        """Division without one of ``folds`` folds of the structures learnt from; the test stays as it is.

        Structures learnt from, in ascending number, belong to the folds in turn. Of those that remain, the
        last ones that every temperature has are for validation again, as many as before if that leaves one
        to train on.

        Raises
        ------
        ValueError
            If there is no such fold, or nothing remains to train on.
        """
        learnt = sorted([*self.train, *self.validation])
        if not 0 <= fold < folds:
            raise ValueError(f"fold must lie in 0..{folds - 1}, found {fold}")
        kept = [s for k, s in enumerate(learnt) if k % folds != fold]
        common = [s for s in kept if s < max(self.test)]
        count = min(len(self.validation), len(common), len(kept) - 1)
        if len(kept) < 1:
            raise ValueError(f"fold {fold} of {folds} leaves no structure to train on of {len(learnt)}")
        validation = common[len(common) - max(count, 0) :]
        return replace(self, train=[s for s in kept if s not in validation], validation=validation)


@dataclass(frozen=True)
class Reported:
    """Structures that numbers of the networks are reported of.

    Attributes
    ----------
    test
        Numbers of the test structures, of every temperature.
    predicted
        Canonical name of a temperature -> first number and count of the structures that networks only
        predict. They were not learnt from, and have no dynamics: files of dynamics do not hold their numbers.
    """

    test: Sequence[int]
    predicted: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def at(self, temperature: float | str) -> list[int]:
        """Return the test structures and, behind them, the predicted ones of a temperature."""
        first, count = self.predicted.get(canonical(temperature), (0, 0))
        return [*self.test, *range(first, first + count)]


def split(number: int, test_fraction: float, validation_fraction: float) -> Split:
    """Divide structures 0 .. ``number`` - 1: the first are for training, the last of those for validation.

    The test share is rounded to the nearest structure; of the rest, the rounded validation share (at
    least one structure where the share is not zero) is taken from the end.

    Raises
    ------
    ValueError
        If a part would be empty.
    """
    n_test = math.floor(number * test_fraction + 0.5)
    n_train = number - n_test
    n_validation = max(1, math.floor(n_train * validation_fraction + 0.5)) if validation_fraction > 0 else 0
    if n_test < 1:
        raise ValueError(f"the test set is empty: {number} structures, test fraction {test_fraction:g}")
    if n_train - n_validation < 1:
        raise ValueError(
            f"the training set is empty: {number} structures, {n_test} for testing, "
            f"{n_validation} for validation"
        )
    cut = n_train - n_validation
    return Split(list(range(cut)), list(range(cut, n_train)), list(range(n_train, number)))


def chunk_ranges(number: int, chunk: int) -> list[range]:
    """Structure numbers of each chunk; the last one may be shorter."""
    if number < 1 or chunk < 1:
        raise ValueError(f"number and chunk must be at least 1, found {number} and {chunk}")
    return [range(start, min(start + chunk, number)) for start in range(0, number, chunk)]

"""Work on all vertices part by part."""

from dataclasses import dataclass

import numpy as np
import pytest

from M3DLib.Edge.VertexParts import inParts, partOf, sampleOf


@dataclass
class Inner:
    values: np.ndarray
    absent: np.ndarray | None = None


@dataclass
class Outer:
    inner: Inner
    rows: np.ndarray


def outer(count=1000):
    return Outer(Inner(np.arange(count, dtype=np.float32)), np.arange(3 * count).reshape(count, 3))


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_partsMakeWhatTheWholeMakes(size):
    values = outer(40 if size == 1 else 1000)

    def work(part, others):
        return Outer(Inner(part.inner.values + others, part.inner.absent), -part.rows[:, :2])

    made = inParts(work, values, np.ones(len(values.rows), dtype=np.float32), size=size)
    assert np.array_equal(made.inner.values, values.inner.values + 1)
    assert made.inner.values.dtype == np.float32
    assert made.inner.absent is None
    assert np.array_equal(made.rows, -values.rows[:, :2])


def test_partIsAViewAndAChoiceIsNot():
    values = outer()
    assert np.shares_memory(partOf(values, slice(3, 9)).rows, values.rows)
    assert partOf(values, np.array([5, 2])).inner.values.tolist() == [5, 2]


def test_errorOfAPartIsRaised():
    def work(values):
        raise ValueError(f"part of {len(values)}")

    with pytest.raises(ValueError, match="part of 10"):
        inParts(work, np.zeros(100), size=10)


def test_aSampleChangesByOneWhenOneVertexMoreIsUsable():
    usable = np.random.default_rng(5).random(20_000) < 0.7
    sample = sampleOf(usable, 500)
    assert len(np.unique(sample)) == 500 and usable[sample].all() and (np.diff(sample) > 0).all()
    assert abs(sample.mean() - 10_000) < 1000
    for number in (3, *sample[[0, 250]]):
        other = usable.copy()
        other[number] = not usable[number]
        assert len(np.intersect1d(sample, sampleOf(other, 500))) >= 499
    few = np.flatnonzero(usable)[::100]
    np.testing.assert_array_equal(sampleOf(np.isin(np.arange(20_000), few), 500), few)

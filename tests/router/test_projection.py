import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from router.projection import principal_components, project


def test_principal_components_by_hand() -> None:
    """Three points on a line in space: their distances along it, nothing across, the longest part positive."""
    line = np.array([[0.0, 0, 0], [0, 0, 3], [0, 0, 9]])
    assert np.allclose(principal_components(line), [[-4, 0], [-1, 0], [5, 0]])


def test_clusters_stay_together_and_apart() -> None:
    """Whoever is near in 50 dimensions is near in the plane: every point's nearest neighbour is of its own cluster."""
    generator = np.random.default_rng(0)
    cluster = np.repeat(np.arange(4), 12)
    points = generator.normal(size=(4, 50))[cluster] * 3 + generator.normal(size=(48, 50))
    plane = project(points)
    distances = ((plane[:, None] - plane) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (cluster[distances.argmin(axis=1)] == cluster).all()


def test_the_same_vectors_give_the_same_picture() -> None:
    """Nothing is drawn at random."""
    points = np.random.default_rng(1).normal(size=(30, 8))
    assert np.array_equal(project(points), project(points))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 24), st.integers(1, 4), st.sampled_from(["random", "equal", "two places"]))
def test_every_point_lies_in_the_unit_square(count: int, width: int, kind: str) -> None:
    """However few or alike they are."""
    points = np.random.default_rng(count).normal(size=(count, width))
    if kind == "equal":
        points = np.ones((count, width))
    if kind == "two places":
        points = np.repeat([[0.0], [1.0]], [count, count], axis=0)
    plane = project(points)
    assert plane.shape == (len(points), 2)
    assert np.isfinite(plane).all()
    assert plane.min() >= 0
    assert plane.max() <= 1

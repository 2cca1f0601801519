import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router.packed_rows import PackedRows, pack


def test_a_row_is_packed_by_hand() -> None:
    """The largest weight is 7.5 scales; 15 and -15 are 7.5 and -7.5 times 2, 1 is half a scale, -2.9 is 1.5 down."""
    packed = pack(np.array([[15.0, -15.0, 1.0, -2.9]], dtype=np.float32))
    assert packed.scales.tolist() == [2.0]
    assert packed.codes.tolist() == [[15 | 0 << 4, 8 | 6 << 4]]
    assert packed.unpack().tolist() == [[15.0, -15.0, 1.0, -3.0]]


def test_a_row_of_zeros_stays_zero() -> None:
    """No level is zero, but a scale can be: a bucket that was never trained adds nothing."""
    assert pack(np.zeros((2, 5), dtype=np.float32)).unpack().tolist() == [[0.0] * 5] * 2


def test_no_rows_are_no_rows() -> None:
    """A vocabulary may be empty."""
    assert pack(np.zeros((0, 6), dtype=np.float32)).unpack().shape == (0, 6)


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_weight_is_within_half_a_level(size: int, rows: int, seed: int) -> None:
    """Rounding moves a weight by half a scale at most (and what float16 makes of the scale), for odd sizes, too."""
    drawn = np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)
    packed = pack(drawn)
    assert packed.codes.shape == (rows, (size + 1) // 2)
    largest = np.abs(drawn).max(axis=1, keepdims=True)
    assert (np.abs(packed.unpack() - drawn) <= largest * (0.5 / 7.5 + 1e-3)).all()
    again = pack(packed.unpack())
    assert np.allclose(again.unpack(), packed.unpack(), rtol=2e-3)


@given(st.lists(st.integers(0, 255), min_size=6, max_size=6))
def test_any_byte_is_two_weights_by_the_naive_reference(codes: list[int]) -> None:
    """The low half of a byte is the even column, the high half the odd one, each less 7.5 and times the scale."""
    packed = PackedRows(np.array(codes, dtype=np.uint8).reshape(2, 3), np.array([0.5, 2.0], dtype=np.float16), 5)
    naive = [
        [scale * ((code[at // 2] >> 4 if at % 2 else code[at // 2] & 15) - 7.5) for at in range(5)]
        for code, scale in ((codes[:3], 0.5), (codes[3:], 2.0))
    ]
    assert packed.unpack().tolist() == naive
    places = np.array([1, 0, 1])
    assert (packed.levels(places) * packed.factors(places)[:, None]).tolist() == [naive[1], naive[0], naive[1]]


@given(st.integers(1, 9), st.integers(0, 12))
def test_behind_the_last_row_lies_one_of_zeros(size: int, rows: int) -> None:
    """What training has not seen stands at -1 and adds nothing, so that nobody has to leave it out."""
    packed = pack(np.ones((rows, size), dtype=np.float32))
    nowhere = np.array([-1, -1])
    assert packed.levels(nowhere).tolist() == [[0.0] * size] * 2
    assert packed.factors(nowhere).tolist() == [0.0, 0.0]

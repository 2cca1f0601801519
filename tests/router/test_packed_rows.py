import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router.packed_rows import PackedRows, pack


def test_a_row_is_packed_by_hand() -> None:
    """The largest weight is 7.5 scales; 15 and -15 are 7.5 and -7.5 times 2, 1 is half a scale, -2.9 is 1.5 down.

    In steps of a 127th of 15 these are 127, -127 and the nearest to 8.47 and -25.4.
    """
    packed = pack(np.array([[15.0, -15.0, 1.0, -2.9]], dtype=np.float32))
    assert packed.scales.tolist() == [2.0]
    assert packed.codes.tolist() == [[15 | 0 << 4, 8 | 6 << 4]]
    assert packed.step == 15 / 127
    assert packed.levels.tolist() == [[127, -127, 8, -25], [0] * 4]


def test_a_row_of_zeros_stays_zero() -> None:
    """No level is zero, but a scale can be: a bucket that was never trained adds nothing."""
    assert pack(np.zeros((2, 5), dtype=np.float32)).unpack().tolist() == [[0.0] * 5] * 2


def test_no_rows_are_no_rows() -> None:
    """A vocabulary may be empty."""
    packed = pack(np.zeros((0, 6), dtype=np.float32))
    assert packed.unpack().shape == (0, 6)
    assert packed.sum(np.zeros(0, dtype=np.intp)).tolist() == [0.0] * 6


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_weight_is_within_half_a_level_and_half_a_step(size: int, rows: int, seed: int) -> None:
    """Rounding moves a weight by half a scale and half a step at most (and what float16 makes of the scale)."""
    drawn = np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)
    packed = pack(drawn)
    assert packed.codes.shape == (rows, (size + 1) // 2)
    largest = np.abs(drawn).max(axis=1, keepdims=True)
    assert (np.abs(packed.unpack() - drawn) <= largest * (0.5 / 7.5 + 1e-3) + 0.6 * packed.step).all()


@given(st.lists(st.integers(0, 255), min_size=9, max_size=9), st.lists(st.floats(0, 60_000), min_size=3, max_size=3))
def test_any_byte_is_two_weights_by_the_naive_reference(codes: list[int], scales: list[float]) -> None:
    """The low half of a byte is the even column, the high half the odd one: less 7.5, times the scale, in steps."""
    packed = PackedRows(np.array(codes, dtype=np.uint8).reshape(3, 3), np.array(scales, dtype=np.float16), 5)
    rows = [(codes[3 * row : 3 * row + 3], float(packed.scales[row])) for row in range(3)]
    exact = [
        [scale * ((code[at // 2] >> 4 if at % 2 else code[at // 2] & 15) - 7.5) for at in range(5)]
        for code, scale in rows
    ]
    assert np.abs(packed.unpack() - exact).max() <= 0.6 * packed.step
    assert packed.step == 7.5 * max(packed.scales.tolist()) / 127
    places = np.array([1, 0, 1, -1])
    expected = [one + 2 * other for one, other in zip(*packed.unpack()[:2].tolist(), strict=True)]
    assert np.allclose(packed.sum(places), expected, rtol=1e-5, atol=packed.step * 1e-3)


def test_more_rows_than_are_unpacked_at_once() -> None:
    """What is done piece by piece is done to every row."""
    draw = np.random.default_rng(5)
    codes, scales = draw.integers(0, 256, (5000, 2), dtype=np.uint8), draw.random(5000).astype(np.float16)
    whole = PackedRows(codes, scales, 4)
    whole_steps = np.concatenate([codes[:, :1] & 15, codes[:, :1] >> 4, codes[:, 1:] & 15, codes[:, 1:] >> 4], axis=1)
    exact = (whole_steps - 7.5) * scales[:, None].astype(np.float64)
    assert np.abs(whole.unpack() - exact).max() <= 0.6 * whole.step


@given(st.integers(1, 9), st.integers(0, 12))
def test_behind_the_last_row_lies_one_of_zeros(size: int, rows: int) -> None:
    """What training has not seen stands at -1 and adds nothing, so that nobody has to leave it out."""
    packed = pack(np.ones((rows, size), dtype=np.float32))
    assert packed.levels[-1].tolist() == [0] * size
    assert packed.sum(np.array([-1, -1])).tolist() == [0.0] * size

"""The forward pass once more, in plain Python and sixty lines of code: what the served router and torch agree with."""

import zlib
from math import fsum, sqrt

from router.base_encoder import BaseEncoder
from router.manifest import Manifest
from router.model_file import ModelArrays
from router.tokenizer import tokenize

GOLD, STAFFORD, VIGNA, MASK = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 2**64 - 1


def finish(key: int, bits: int) -> int:
    return ((key ^ key >> 29) * STAFFORD & MASK) >> (64 - bits)


def code(word: int, role: int, bits: int) -> int:
    key = word * GOLD + role * VIGNA & MASK
    return finish((key ^ key >> 32) * VIGNA & MASK, bits)


def buckets_of(token: str, bits: int) -> list[int]:
    word = f"<{token}>"
    grams = [word[at : at + size] for size in (2, 3, 4, 5) for at in range(len(word) - size + 1)]
    hashes = [zlib.crc32(gram.encode("utf-32-le", "surrogatepass")) for gram in grams]
    first = finish(zlib.crc32(token.encode("utf-8", "surrogatepass")) * GOLD & MASK, bits)
    return [first, *(finish(gram * GOLD + VIGNA & MASK, bits) for gram in hashes)]


def pairs_of(tokens: list[str], bits: int) -> list[int]:
    words = [zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in tokens[:24]]
    line = [1 << 32, *words, 2 << 32]
    found = [code(line[at], 1, bits) ^ code(line[at + 1], 2, bits) for at in range(len(line) - 1)]
    skips = len(words) if len(words) > 1 else 0
    found += [code(line[at], 1, bits) ^ code(line[at + 2], 3, bits) for at in range(skips)]
    return found + [code(a, 4, bits) ^ code(b, 4, bits) for at, a in enumerate(words) for b in words[at + 1 :]]


def sketch_of(buckets: list[int], size: int) -> list[float]:
    total = [0.0] * size
    for order, bucket in enumerate(buckets):
        for at in range(size):
            state = ((bucket << 16) + at // 64 + 1) * GOLD & MASK
            state = (state ^ state >> 30) * STAFFORD & MASK
            state = (state ^ state >> 27) * VIGNA & MASK
            bit = (state ^ state >> 31) >> (at % 64 // 8 * 8 + 7 - at % 8) & 1
            total[at] += (2 * bit - 1) * sqrt(0.5 / (1 if order == 0 else len(buckets) - 1))
    return [value / sqrt(fsum(one * one for one in total)) for value in total]


def base_of(token: str, buckets: list[int], base: BaseEncoder) -> list[float]:
    known = base.hashes.tolist()
    if (word := zlib.crc32(token.encode("utf-8", "surrogatepass"))) not in known:
        return sketch_of(buckets, base.size)
    codes = base.codes[known.index(word)].tolist()
    vector = [float(value) for stretch, which in enumerate(codes) for value in base.codebook[stretch, which]]
    return [value / sqrt(fsum(one * one for one in vector)) for value in vector]


def scores_of(text: str, manifest: Manifest, arrays: ModelArrays, base: BaseEncoder | None) -> list[float]:
    if not (tokens := tokenize(text)):
        return [0.0] * len(manifest.labels)
    rows = {bucket: row for row, bucket in enumerate(arrays.buckets.tolist())}
    trained, fixed, step = [0.0] * manifest.size, [], float(max(arrays.scales)) * 7.5 / 127
    features = [bucket for token in tokens for bucket in buckets_of(token, manifest.bits)]
    features += pairs_of(tokens, manifest.bits) if manifest.word_order else []
    for row in [rows[bucket] for bucket in features if bucket in rows]:
        for at in range(manifest.size):
            twice = 2 * (int(arrays.codes[row, at // 2]) >> at % 2 * 4 & 15) - 15
            trained[at] += (twice * round(float(arrays.scales[row]) * (128 / step)) + 128 >> 8) * step
    for token in tokens:
        buckets = buckets_of(token, manifest.bits)
        idf = float(arrays.idf[rows[buckets[0]]]) if buckets[0] in rows else manifest.unseen_idf
        meaning = base_of(token, buckets, base) if base else []
        spelling = sketch_of(buckets, manifest.sketch_size)
        weights = [manifest.base_weight] * len(meaning) + [manifest.sketch_weight] * len(spelling)
        fixed.append([idf * weight * value for weight, value in zip(weights, meaning + spelling, strict=True)])
    vector = trained + [fsum(column) for column in zip(*fixed, strict=True)]
    length = sqrt(fsum(value * value for value in vector)) or 1.0
    return [
        fsum(ours * theirs for ours, theirs in zip(vector, row, strict=True)) / length for row in arrays.head.tolist()
    ]

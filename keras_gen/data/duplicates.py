"""Images that a collection has more than once: exact copies, and copies that were mirrored, re-compressed or cropped.

Digits look alike without being copies. So an image counts as a near-duplicate of another only if it is far nearer to it
than to all others: a gap in the sorted distances, which honest neighbours do not have.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from keras_gen.indices import evenly_spaced_indices
from keras_gen.transparency import on_white

SIDE = 12  # pixels of the small grey pictures that are compared
GREY = np.array([0.299, 0.587, 0.114], np.float32)
GAP = 0.3  # of the distance to the nearest other image; honest digits and cars have 0.34 and more
NEAR, SURE = 0.1, 0.02  # of the typical distance: the largest one of a copy, and one that needs no gap
ALIGNED_GAP, ALIGNED_NEAR = 0.3, 0.15  # the same, where images are looked at as crops of each other
MAX_GROUP = 20  # near-duplicates of one image
BANDS, BITS, COMPONENTS, STEPS = 6, 12, 24, 10  # of the hashes; places in a sorted bucket that are compared
MAX_IMAGES = 10_000  # looked at for a line at a training's start
CHUNK = 250  # rows
CROPS = (0.96, 0.92, 0.88)  # shares of the sides that are left


@dataclass(frozen=True)
class Repeats:
    """How many images are there more than once.

    Attributes:
        exact: Exact copies of an earlier image.
        near: Other images that are nearly an earlier one.
        shared: Held-out images that are copies, or nearly, of training images.
        looked_at: Images that were compared.
    """

    exact: int
    near: int
    shared: int
    looked_at: int


def count_repeats(train: np.ndarray, held_out: np.ndarray) -> Repeats:
    """Count copies among uint8 images (n, height, width, channels) by hashes, in a fraction of a second for thousands.

    Of more than `MAX_IMAGES` evenly spaced ones are looked at. Copies that were cropped are not found.
    """
    share = min(1.0, MAX_IMAGES / (len(train) + len(held_out)))
    sets = (train, held_out)
    parts = [images[evenly_spaced_indices(len(images), max(1, int(share * len(images))))] for images in sets]
    count = len(parts[0]) + len(parts[1])
    originals, copies = exact_copies(parts)
    pictures = np.concatenate([small_pictures(images, [(0.0, 0.0, 1.0)])[:, 0] for images in parts])
    links = [*copies.items(), *_near_pairs(pictures, originals)]
    groups = grouped(count, links)
    held = [sum(index >= len(parts[0]) for index in group) for group in groups]
    shared = sum(inside for inside, group in zip(held, groups, strict=True) if inside < len(group))
    return Repeats(len(copies), near_copies(groups, copies), shared, count)


def near_copies(groups: list[list[int]], copies: dict[int, int]) -> int:
    """Return how many images of groups are nearly an earlier one, and none of the exact copies."""
    return sum(len(set(group) - copies.keys()) - 1 for group in groups)


def exact_copies(parts: Iterable[Iterable[np.ndarray]]) -> tuple[np.ndarray, dict[int, int]]:
    """Return the indices of images that equal no earlier one, and for each other one the earlier one's."""
    first: dict[bytes, int] = {}
    copies: dict[int, int] = {}
    images = (image for part in parts for image in part)
    for index, image in enumerate(images):
        known = first.setdefault(hashlib.sha256(image.tobytes()).digest(), index)
        if known != index:
            copies[index] = known
    return np.array(list(first.values()), np.int64), copies


def small_pictures(images: np.ndarray, boxes: list[tuple[float, float, float]]) -> np.ndarray:
    """Return small grey pictures of parts of images, float32 (n, boxes, SIDE, SIDE).

    Args:
        images: uint8 (n, height, width, channels).
        boxes: Left, top and size of each part, as shares of the sides.
    """
    height, width = images.shape[1:3]
    result = np.empty((len(images), len(boxes), SIDE, SIDE), np.float32)
    rows = [_resampling(height, top, size) for _, top, size in boxes]
    columns = [_resampling(width, left, size).T for left, _, size in boxes]
    for start in range(0, len(images), CHUNK):
        part = on_white(images[start : start + CHUNK])
        grey = part[..., 0].astype(np.float32) if part.shape[-1] == 1 else part @ GREY
        for number, (across, down) in enumerate(zip(columns, rows, strict=True)):
            result[start : start + len(part), number] = down @ (grey @ across)
    return result


def _resampling(length: int, start: float, size: float) -> np.ndarray:
    """Return the matrix (SIDE, length) that averages a row of pixels over SIDE equal parts of a stretch of it."""
    edges = (start + size * np.arange(SIDE + 1) / SIDE) * length
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.maximum(overlap, 0)
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)


def _near_pairs(pictures: np.ndarray, originals: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs of different images that are nearly the same, found by hashes of their small pictures."""
    count = len(originals)
    if count < 3:
        return []
    points, mirrored = (array.reshape(count, -1) for array in (pictures[originals], pictures[originals][:, :, ::-1]))
    both = np.concatenate([points, mirrored])
    typical = typical_distance(points)
    suspects = _suspects(both, count, NEAR * typical)
    pairs = []
    for start in range(0, len(suspects), CHUNK):
        rows = suspects[start : start + CHUNK]
        indices, nearest = neighbours(points[rows], points, mirrored, rows, MAX_GROUP + 1)
        sizes = copies_before_gap(nearest, typical, GAP)
        if not sizes.any():  # the most suspicious come first
            break
        for row, near, size in zip(rows, indices, sizes, strict=True):
            pairs += [(int(originals[row]), int(originals[index])) for index in near[:size]]
    return pairs


def typical_distance(points: np.ndarray) -> float:
    """Return the median distance of points drawn at random, each beside the next."""
    order = np.random.default_rng(0).permutation(len(points))[:1000]
    drawn = points[order]
    return float(np.median(np.sqrt(np.mean((drawn - np.roll(drawn, 1, axis=0)) ** 2, axis=1))))


def _suspects(both: np.ndarray, count: int, reach: float) -> np.ndarray:
    """Return the images, of which the first `count` rows are, that may have another one within reach, nearest first.

    Pairs with an equal band of bits, the signs of principal components around their medians, are looked at: their
    distance in these components is at most the whole one.
    """
    points = both[:count]
    sample = points[evenly_spaced_indices(count, min(count, 2000))]
    _, axes = np.linalg.eigh(np.cov(sample, rowvar=False))
    coordinates = both @ axes[:, : -COMPONENTS - 1 : -1].astype(np.float32)
    bits = coordinates > np.median(coordinates[:count], axis=0)
    random, nearest, squares = np.random.default_rng(0), np.full(len(both), np.inf), points.shape[1] * reach**2
    for _ in range(BANDS):
        keys = bits[:, random.permutation(COMPONENTS)[:BITS]] @ (1 << np.arange(BITS))
        order = np.argsort(keys, kind="stable")
        for step in range(1, STEPS + 1):
            same = np.flatnonzero(keys[order[:-step]] == keys[order[step:]])
            one, other = order[same], order[same + step]
            distances = ((coordinates[one] - coordinates[other]) ** 2).sum(axis=1)
            distances[one % count == other % count] = np.inf  # an image that is its own mirror image is no copy
            nearest[one] = np.minimum(nearest[one], distances)
            nearest[other] = np.minimum(nearest[other], distances)
    smallest = np.minimum(nearest[:count], nearest[count:])
    order = np.argsort(smallest, kind="stable")
    return order[: np.sum(smallest < squares)]


def neighbours(
    queries: np.ndarray, points: np.ndarray, mirrored: np.ndarray, rows: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the points nearest to each query, as they are or mirrored, and their distances, rising.

    The queries are the points at `rows`; none is its own neighbour.
    """
    count = min(count, len(points) - 1)
    squares = (queries**2).sum(axis=1)[:, None] + (points**2).sum(axis=1)
    distances = squares - 2 * np.maximum(queries @ points.T, queries @ mirrored.T)
    distances[np.arange(len(rows)), rows] = np.inf
    indices = np.argpartition(distances, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(distances, indices, axis=1)
    order = np.argsort(found, axis=1)
    found = np.sqrt(np.maximum(np.take_along_axis(found, order, axis=1), 0) / points.shape[1])
    return np.take_along_axis(indices, order, axis=1), found


def copies_before_gap(nearest: np.ndarray, typical: float, gap: float, near: float = NEAR) -> np.ndarray:
    """Return how many of the nearest, with rising distances (n, k), lie before a gap, and are copies therefore."""
    before, after = nearest[:, :-1], nearest[:, 1:]
    copies = (before < near * typical) & (before < gap * after)
    last = np.where(copies.any(axis=1), copies.shape[1] - np.argmax(copies[:, ::-1], axis=1), 0)
    return np.maximum(last, np.sum(nearest < SURE * typical, axis=1))


def near_groups(images: np.ndarray) -> tuple[list[list[int]], dict[int, int]]:
    """Find images that are nearly the same, also where one was mirrored, re-compressed or cropped a little.

    Args:
        images: uint8 (n, height, width, channels); some thousands.

    Returns:
        Groups of two or more indices, each rising, and for each exact copy of an earlier image the earlier one's.
    """
    originals, copies = exact_copies([images])
    links = list(copies.items())
    if len(originals) > 2:
        views = small_pictures(images[originals], [(0.0, 0.0, 1.0), *_crops()])
        points = views[:, 0].reshape(len(views), -1)
        mirrored = views[:, 0, :, ::-1].reshape(len(views), -1)
        views, typical = views.reshape(*views.shape[:2], -1), typical_distance(points)
        for start in range(0, len(points), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(points)))
            indices, _ = neighbours(points[rows], points, mirrored, rows, MAX_GROUP + 1)
            aligned = _aligned(views, points, mirrored, rows, indices)
            order = np.argsort(aligned, axis=1)
            indices, aligned = (np.take_along_axis(array, order, axis=1) for array in (indices, aligned))
            sizes = copies_before_gap(aligned, typical, ALIGNED_GAP, ALIGNED_NEAR)
            for row, near, size in zip(rows, indices, sizes, strict=True):
                links += [(int(originals[row]), int(originals[index])) for index in near[:size]]
    return grouped(len(images), links), copies


def _crops() -> list[tuple[float, float, float]]:
    """Return the parts of an image that a crop may have left: left, top and size."""
    shares = (0.0, 0.5, 1.0)
    return [(x * (1 - size), y * (1 - size), size) for size in CROPS for x in shares for y in shares]


def _aligned(
    views: np.ndarray, points: np.ndarray, mirrored: np.ndarray, rows: np.ndarray, indices: np.ndarray
) -> np.ndarray:
    """Return distances (n, k) of the points at `rows` to others, where either may be a crop, or the mirror image.

    Args:
        views: Each image and its crops, (m, v, d).
        points: Each whole image, (m, d).
        mirrored: Each mirrored one, likewise.
        rows: Indices (n,).
        indices: Of the others, (n, k).
    """
    squares, whole = (views**2).sum(axis=2), (points**2).sum(axis=1)
    best = np.full(indices.shape, np.inf, np.float32)
    for other in (points, mirrored):
        crops_of_row = np.einsum("nvd,nkd->nvk", views[rows], other[indices], optimize=True)
        found = squares[rows][:, :, None] + whole[indices][:, None] - 2 * crops_of_row
        best = np.minimum(best, found.min(axis=1))
        crops_of_others = np.einsum("nkvd,nd->nkv", views[indices], other[rows], optimize=True)
        found = squares[indices] + whole[rows][:, None, None] - 2 * crops_of_others
        best = np.minimum(best, found.min(axis=2))
    return np.sqrt(np.maximum(best, 0) / points.shape[1])


def grouped(count: int, links: list[tuple[int, int]]) -> list[list[int]]:
    """Return groups of two or more of `count` things that are linked, each rising."""
    if not links:
        return []
    from scipy.sparse import coo_array  # each training looks for copies, and few find any
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(links)), np.array(links).T), (count, count))
    _, part_of = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = {}
    for index in np.unique(links).tolist():
        groups.setdefault(part_of[index], []).append(index)
    return list(groups.values())

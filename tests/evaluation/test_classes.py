import numpy as np
import pytest

from keras_gen.evaluation import class_shares

CENTRES = np.array([[0, 0], [10, 0], [0, 10]], np.float32)


def features_of(labels, seed=0):
    return CENTRES[labels] + np.random.default_rng(seed).normal(0, 0.5, (len(labels), 2)).astype(np.float32)


def test_generated_images_are_counted_by_the_class_whose_mean_is_nearest():
    train, held_out = np.repeat([0, 1, 2], [50, 30, 20]), np.repeat([0, 1, 2], 10)
    made = np.repeat([0, 1], [60, 20])
    found = class_shares(features_of(made), features_of(train, 1), train, features_of(held_out, 2), held_out)
    assert found.shares == {0: 0.75, 1: 0.25, 2: 0.0}
    assert found.training_shares == pytest.approx({0: 0.5, 1: 0.3, 2: 0.2})
    assert (found.missing, found.undetermined) == ([2], [])
    assert found.accuracy == 1
    few = class_shares(features_of(made[::2]), features_of(train, 1), train, features_of(held_out, 2), held_out)
    assert (few.missing, few.undetermined) == ([], [2])  # of 40 images 8 should be of that class


def test_a_class_is_missing_at_a_tenth_of_its_share_and_labels_may_have_gaps():
    train = np.repeat([3, 7], 100)
    features = CENTRES[np.repeat([0, 1], 100)]
    made = CENTRES[np.repeat([0, 1], [95, 5])]
    found = class_shares(made, features, train, features, train[::-1])
    assert found.missing == [7]
    assert found.accuracy == 0
    assert class_shares(CENTRES[np.repeat([0, 1], [94, 6])], features, train, features, train).missing == []

import numpy as np

from keras_gen.latent import apply_concept, concept_vector


def test_a_concept_is_the_difference_of_the_means_and_leads_from_one_to_the_other():
    random = np.random.default_rng(0)
    without, having = random.normal(size=(50, 3)), random.normal((5, 0, -2), size=(30, 3))
    vector = concept_vector(without, having)
    np.testing.assert_allclose(without.mean(axis=0) + vector, having.mean(axis=0), atol=1e-6)


def test_a_concept_is_added_to_every_code_at_every_strength():
    codes = np.array([[0.0, 0.0], [10.0, 20.0]])
    changed = apply_concept(codes, np.array([1.0, -1.0]), np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_allclose(changed, [[-1, 1], [0, 0], [2, -2], [9, 21], [10, 20], [12, 18]])

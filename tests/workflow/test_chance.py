"""What chance does where several things are compared."""

import numpy as np

from auric.chance import holm


def test_probabilities_are_adjusted_for_their_number():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.5]), [0.09, 0.04, 0.09, 0.5])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert np.isnan(holm([0.01, np.nan])).all()
    assert len(holm([])) == 0

import numpy as np
import pytest
from mnist1d.data import get_dataset_args, make_dataset

from transformer_path.workshop.generator import make


@pytest.mark.parametrize(("n", "seed"), [(500, 42), (170, 7)])
def test_equals_the_package(n, seed):
    args = get_dataset_args()
    args.num_samples, args.seed, args.train_split = n, seed, 1.0
    state = np.random.get_state()
    published = make_dataset(args)
    np.random.set_state(state)
    made = make(n, seed=seed)
    x = (made.x - made.x.mean()) / made.x.std()
    np.testing.assert_allclose(x, published["x"], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(made.y, published["y"])


def test_leaves_the_shared_generator_alone():
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    make(10, seed=1)
    assert np.random.random() == expected


def test_says_what_was_drawn_for_each_series():
    made = make(1000, seed=1)
    # The slope is what a straight line through the series finds, on the average.
    found = np.polyfit(np.linspace(-0.5, 0.5, 40), made.x.T, 1)[0]
    assert np.corrcoef(found, -made.slope)[0, 1] > 0.5
    # Undone, the highest values of class 7, a steep front, stand where the shift says.
    sevens = made.y == 7
    level = made.x + made.slope[:, None] * np.linspace(-0.5, 0.5, 40)
    place = level[sevens].argmax(1) * 71 / 39
    assert np.median(np.abs(place - made.shift[sevens])) < 5
    assert made.padding.min() == 36
    assert made.padding.max() == 60


@pytest.mark.parametrize("n", [0, 15, -10])
def test_refuses_what_does_not_divide_into_classes(n):
    with pytest.raises(ValueError, match=f"n={n}; it must be a multiple of 10"):
        make(n, seed=0)

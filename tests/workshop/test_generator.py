import numpy as np
import pytest
from mnist1d.data import get_dataset_args, make_dataset

from transformer_path.workshop.datasets import mnist1d
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


def test_makes_the_splits_of_the_book_in_their_order():
    made = make(5000, seed=42)
    x = (made.x - made.x.mean()) / made.x.std()
    np.testing.assert_allclose(
        x, np.concatenate([part.x for part in mnist1d()]), atol=2e-6
    )
    np.testing.assert_array_equal(
        made.y, np.concatenate([part.y for part in mnist1d()])
    )


DRAWN = {"padding": 48, "height": 1, "shift": 24, "slope": 0}


@pytest.mark.parametrize("name", DRAWN)
def test_fixes_one_number_and_leaves_the_rest_as_it_was_drawn(name):
    drawn, fixed = make(500, seed=3), make(500, seed=3, **{name: DRAWN[name]})
    assert (getattr(fixed, name) == DRAWN[name]).all()
    for other in {"y", *DRAWN} - {name}:
        np.testing.assert_array_equal(getattr(fixed, other), getattr(drawn, other))
    unchanged = getattr(drawn, name) == DRAWN[name]
    np.testing.assert_allclose(fixed.x[unchanged], drawn.x[unchanged], atol=1e-12)
    assert (np.abs(fixed.x - drawn.x)[~unchanged].max(1) > 1e-9).all()


def test_with_all_numbers_fixed_only_noise_is_left_within_a_class():
    def within(made):
        """Give the share of the variance that lies within the classes."""
        parts = [made.x[made.y == k] for k in range(10)]
        return np.mean([p.var(0).mean() for p in parts]) / made.x.var(0).mean()

    assert within(make(1000, seed=3, **DRAWN)) < 0.55
    assert within(make(1000, seed=3)) > 0.8


def test_says_what_can_be_fixed():
    message = r"^y=3 cannot be fixed; choose among padding, height, shift, slope\.$"
    with pytest.raises(ValueError, match=message):
        make(10, seed=1, y=3)


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


def test_keeps_every_shift_within_the_largest():
    shifts = make(1000, seed=1, max_shift=5).shift
    assert (shifts.min(), shifts.max()) == (0, 5)
    assert make(1000, seed=1).shift.max() == 47


def test_without_shift_the_average_of_a_class_keeps_its_shape():
    def height_of_the_average(max_shift):
        made = make(1000, seed=1, max_shift=max_shift)
        return np.ptp(made.x[made.y == 7].mean(0))

    assert height_of_the_average(0) > 2 * height_of_the_average(47)


def test_refuses_a_negative_shift():
    with pytest.raises(ValueError, match="max_shift=-1; shifts run from 0"):
        make(10, seed=0, max_shift=-1)

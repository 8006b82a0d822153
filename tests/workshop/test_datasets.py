import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mnist1d.data import get_dataset_args, make_dataset

from transformer_path.workshop import datasets
from transformer_path.workshop.datasets import Examples, digits, mnist1d, split, table

LOADERS = {"mnist1d": mnist1d, "digits": digits}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_splits_share_no_example(load):
    rows = [tuple(row.tolist()) for part in load() for row in part.x]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_types_and_classes(load):
    for x, y in load():
        assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
        assert len(x) == len(y)
        shares = y.bincount(minlength=10) / len(y)
        assert len(shares) == 10
        assert shares.min() > 0.06
        assert shares.max() < 0.16


def test_digits_are_the_same_whenever_they_are_loaded():
    for old, new in zip(digits(), digits(), strict=True):
        assert torch.equal(old.x, new.x)
        assert torch.equal(old.y, new.y)


def test_mnist1d_is_the_published_one():
    train, validation, test = mnist1d()
    random.seed(1)
    np.random.seed(1)
    raw = make_dataset(get_dataset_args())
    assert np.allclose(torch.cat([train.x, validation.x]), raw["x"], atol=1e-6)
    assert np.array_equal(torch.cat([train.y, validation.y]), raw["y"])
    assert np.allclose(test.x, raw["x_test"], atol=1e-6)
    assert np.array_equal(test.y, raw["y_test"])


def test_mnist1d_leaves_the_shared_generators_alone():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    datasets._made.__wrapped__(42)
    assert (random.random(), np.random.random()) == expected


def test_shuffled_positions_are_one_permutation_of_all_series():
    plain, shuffled = mnist1d(), mnist1d(shuffle_positions=True)
    x, moved = plain.train.x, shuffled.train.x
    # Find, for each new position, the old one by its values over all series.
    order = [int((x == column[:, None]).all(0).nonzero()) for column in moved.T]
    assert sorted(order) == list(range(40))
    assert order != list(range(40))
    for old, new in zip(plain, shuffled, strict=True):
        assert torch.equal(old.x[:, order], new.x)
        assert torch.equal(old.y, new.y)


def test_more_series_leave_the_other_splits_alone():
    plain, more = mnist1d(), mnist1d(n_train=11_000)
    assert [len(part.y) for part in more] == [11_000, 500, 1000]
    assert torch.equal(more.train.x[:3500], plain.train.x)
    assert torch.equal(more.train.y[:3500], plain.train.y)
    for old, new in zip(plain[1:], more[1:], strict=True):
        assert torch.equal(old.x, new.x)
        assert torch.equal(old.y, new.y)


@pytest.mark.parametrize("n", [1, 700, 3500, 3501, 8600])
def test_fewer_series_are_the_first_of_more(n):
    fewer, more = mnist1d(n_train=n).train, mnist1d(n_train=9000).train
    assert torch.equal(fewer.x, more.x[:n])
    assert torch.equal(fewer.y, more.y[:n])


def test_more_series_repeat_none_and_are_of_the_same_kind():
    train, validation, test = mnist1d(n_train=13_500)
    rows = [tuple(row.tolist()) for row in torch.cat([train.x, validation.x, test.x])]
    assert len(set(rows)) == len(rows)
    published, new = train.x[:3500], train.x[3500:]
    assert torch.allclose(new.mean(0), published.mean(0), atol=0.07)
    assert torch.allclose(new.std(0), published.std(0), atol=0.05)
    assert train.y.dtype == torch.int64
    assert (train.y[3500:].bincount() == 1000).all()


def test_more_series_have_their_positions_shuffled_too():
    plain = mnist1d(n_train=4000).train.x
    shuffled = mnist1d(n_train=4000, shuffle_positions=True).train.x
    assert not torch.equal(plain, shuffled)
    assert torch.equal(plain.sort(1).values, shuffled.sort(1).values)


@pytest.mark.parametrize("n", [0, -5])
def test_no_series_to_train_on_are_refused(n):
    with pytest.raises(ValueError, match=f"n_train={n}; at least one series"):
        mnist1d(n_train=n)


def test_table_reads_what_was_written(tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_text("length,width,class\n5.1,3.5,0\n6.2,2.9,1\n\n4.9,3e0,0\n")
    x, y = table(path)
    assert torch.equal(x, torch.tensor([[5.1, 3.5], [6.2, 2.9], [4.9, 3.0]]))
    assert torch.equal(y, torch.tensor([0, 1, 0]))
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


def test_table_needs_no_names_of_columns(tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_text("5.1,3.5,0\n6.2,2.9,1\n")
    assert len(table(str(path)).y) == 2


def test_a_table_is_read_to_the_last_digit(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("1, 9007199254740993\n+.5,9007199254740992.0\n-3E38,0e5\n1e-40,1e1")
    x, y = table(path)
    assert y.tolist() == [2**53 + 1, 2**53, 0, 10]
    assert x.flatten().tolist() == torch.tensor([1, 0.5, -3e38, 1e-40]).tolist()


@pytest.mark.parametrize("first", ["0,1,2", "2019,2020,2021", "1,2,3"])
def test_what_may_be_names_or_an_example_is_asked_for(tmp_path, first):
    path = tmp_path / "flowers.csv"
    path.write_text(f"{first}\n5.1,3.5,0\n")
    one, two = first.split(",")[:2]
    message = (
        f"{path}, line 1 counts {one}, {two}, ...; if these are the names of the "
        "columns, pass header=True, if they are an example, header=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        table(path)
    assert len(table(path, header=True).y) == 1
    assert len(table(path, header=False).y) == 2


def test_names_with_numbers_among_them_are_said_to_be_names(tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_text("2019,2021,class\n5.1,3.5,0\n")
    with pytest.raises(ValueError, match=r"line 1, column 3: 'class' is not a finite"):
        table(path)
    assert table(path, header=True).y.tolist() == [0]


def test_a_byte_order_mark_and_foreign_line_ends_are_read(tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_bytes("\ufefflänge,class\r\n\r\n5.1,0\r6.2,1\r\n".encode())
    assert table(path).y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "a,b\n1,0\nlänge,1\n".encode("cp1252"),
            ", line 3: the byte 0xe4 is not text in UTF-8; save the table as CSV in "
            "UTF-8.",
        ),
        (
            "5.1,0\n".encode("utf-16"),
            ", line 1: the byte 0xff is not text in UTF-8; save the table as CSV in "
            "UTF-8.",
        ),
        (
            "5.1,0\n".encode("utf-16-le"),
            ", line 1, column 1: '5\\x00.\\x001\\x00' is not a finite number; fill it "
            "in, or leave the line out.",
        ),
        (
            b'1,2,0\n\n1,"2,0\n1,2,0\n',
            ", line 3 is not CSV: unexpected end of data; look for a quotation mark "
            "without its partner.",
        ),
        (
            b'1,2,0\n1,"2"5,0\n',
            ", line 2 is not CSV: ',' expected after '\"'; look for a quotation mark "
            "without its partner.",
        ),
    ],
)
def test_a_file_that_is_no_table_says_where(tmp_path, data, message):
    path = tmp_path / "flowers.csv"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path) + message)}$"):
        table(path, header=False)


NO_NUMBERS = [
    "two",
    "",
    "nan",
    "inf",
    "-Infinity",
    "2019_01",
    "3_1",
    "0x10",
    "1e",
    "1e99999",
    "٣",
    "1.2.3",
    "1 2",
    "--1",
    "1;0",
    "Ⅷ",
    "½",
]


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_only_plain_numbers_are_numbers(tmp_path, cell):
    path = tmp_path / "flowers.csv"
    for line, column in ((f"{cell},0", 1), (f"1,{cell}", 2)):
        path.write_text(f"1,0\n{line}\n", encoding="utf-8")
        message = (
            f"{path}, line 2, column {column}: {cell!r} is not a finite number; fill "
            "it in, or leave the line out."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            table(path)


@pytest.mark.parametrize("cell", ["1e39", "-3.5e38", "1e-46", "1e9999"])
def test_numbers_that_float32_has_not_are_refused(tmp_path, cell):
    path = tmp_path / "flowers.csv"
    path.write_text(f"{cell},0\n")
    message = (
        f"{path}, line 1, column 1: {cell!r} does not fit into float32; change the "
        "unit of that column."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        table(path)


def test_a_missing_table_is_named(tmp_path):
    path = tmp_path / "flwers.csv"
    message = (
        f"there is no file {path} (looked for in {tmp_path}); check the name, or give "
        "the whole path."
    )
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(message)}$"):
        table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " holds no examples; it needs one line for each."),
        ("length,class\n", " holds no examples; it needs one line for each."),
        ("1\n", ", line 1 has 1 values; expected 2 or more."),
        (
            "a,b,c\n1,2,0\n1,0\n",
            ", line 3 has 2 values; expected 3 as in the first example.",
        ),
        (
            "1,2,0\n1,two,0\n",
            ", line 2, column 2: 'two' is not a finite number; fill it in, or leave "
            "the line out.",
        ),
        (
            "1,2,0\n1,,0\n",
            ", line 2, column 2: '' is not a finite number; fill it in, or leave the "
            "line out.",
        ),
        (
            "1,nan,0\n",
            ", line 1, column 2: 'nan' is not a finite number; fill it in, or leave "
            "the line out.",
        ),
        (
            "1,2,0.5\n",
            ", line 1: the label '0.5' is not one of 0, 1, 2, ...; the last column "
            "must number the classes.",
        ),
        (
            "1,2,1e19\n",
            ", line 1: the label '1e19' is not one of 0, 1, 2, ...; the last column "
            "must number the classes.",
        ),
        (
            "1,2,9223372036854775808\n",
            ", line 1: the label '9223372036854775808' is not one of 0, 1, 2, ...; the "
            "last column must number the classes.",
        ),
        (
            "1,2,-1\n",
            ", line 1: the label '-1' is not one of 0, 1, 2, ...; the last column "
            "must number the classes.",
        ),
    ],
)
def test_a_bad_table_says_where(tmp_path, text, message):
    path = tmp_path / "flowers.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path) + message)}$"):
        table(path)


@given(n=st.integers(5, 60), seed=st.integers(0, 1000))
def test_split_deals_every_example_once(n, seed):
    examples = Examples(torch.arange(n).float()[:, None], torch.arange(n))
    parts = split(examples, seed=seed)
    assert sorted(torch.cat([part.y for part in parts]).tolist()) == list(range(n))
    for x, y in parts:
        assert torch.equal(x[:, 0].long(), y)
    again = split(examples, seed=seed)
    assert all(torch.equal(a.y, b.y) for a, b in zip(parts, again, strict=True))


@pytest.mark.parametrize("number", [np.int64, np.uint8, torch.tensor])
def test_seeds_may_come_from_any_library(number):
    examples = Examples(torch.arange(20)[:, None], torch.arange(20))
    ours, theirs = split(examples, seed=number(7)), split(examples, seed=7)
    assert torch.equal(ours.test.y, theirs.test.y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed=-1 must be a whole number, 0 or more."),
        ({"seed": 0.5}, "seed=0.5 must be a whole number, 0 or more."),
        *(
            (
                {"validation": share},
                f"validation={share} and test=0.2 must be shares of the examples, each "
                "between 0 and 1, such as 0.2.",
            )
            for share in (-0.1, 0, 1.5, float("nan"), 30)
        ),
        (
            {"validation": 0.6, "test": 0.6},
            "10 examples with validation=0.6 and test=0.6 give splits of -2, 6 and 6; "
            "each needs at least one.",
        ),
    ],
)
def test_split_says_what_it_cannot_do(settings, message):
    examples = Examples(torch.zeros(10, 1), torch.zeros(10))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split(examples, **settings)


def test_split_needs_a_label_for_each_example():
    message = "x has 9 rows and y has 10; each example needs one of both."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split(Examples(torch.zeros(9, 1), torch.zeros(10)))


def test_split_refuses_empty_splits():
    two = Examples(torch.zeros(2, 1), torch.zeros(2))
    message = (
        "2 examples with validation=0.2 and test=0.2 give splits of 2, 0 and 0; each "
        "needs at least one."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split(two)

import re

import pytest
from bs4 import BeautifulSoup

from transformer_path.workshop.marks import Marks

TABLE = Marks(
    "who <finds> it",
    ["bug", "by eye", "by test"],
    {"typo & co": [False, True], "leak": ["!12%", "98%"]},
)


def test_a_terminal_gets_words_in_columns():
    assert repr(TABLE).splitlines() == [
        "bug        by eye  by test",
        "typo & co  –       found",
        "leak       12%     98%",
    ]


def test_a_page_gets_a_table_that_can_be_read_aloud():
    page = BeautifulSoup(TABLE._repr_html_(), "html.parser")
    region = page.div
    assert region["aria-label"] == "who <finds> it"
    assert region["tabindex"] == "0"  # it may scroll
    assert [th.text for th in page.select("thead th[scope=col]")] == TABLE.columns
    assert [th.text for th in page.select("tbody th[scope=row]")] == list(TABLE.rows)
    said = [td.select_one(".tp-said").text for td in page.select("tr")[1].select("td")]
    assert said == ["missed", "found"]
    assert [td.text for td in page.select("tr")[2].select("td")] == ["12%", "98%"]
    assert [td.text for td in page.select(".tp-stands-out")] == ["12%"]


def test_a_row_has_a_cell_for_each_column():
    said = "row 'x' has 1 cells for 2 columns; give one for each."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Marks("", ["a", "b", "c"], {"x": [True]})

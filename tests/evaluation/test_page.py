"""The page stands alone, and says what the card holds."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.image import imread

from rimlens.evaluation import report_page
from rimlens.evaluation.card import AS_DRAWN
from rimlens.evaluation.page import summary_lines

ALONE = {"meta", "img"}


class Page(HTMLParser):
    """What is in a page; it fails where a tag is not closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.pictures, self.tables, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "img":
            self.pictures.append(attributes)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def text(card):
    return report_page(card)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_nothing_outside_of_the_page_is_needed(text, page):
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    for sign in ("http:", "https:", "url(", "@import", "<script", "<link", "<iframe"):
        assert sign not in text


def test_the_pictures_are_whole_and_described(page):
    assert len(page.pictures) == 5
    for picture in page.pictures:
        content = base64.b64decode(picture["src"].partition(",")[2])
        assert min(imread(io.BytesIO(content)).shape[:2]) > 300
        assert len(picture["alt"]) > 20


def test_it_fits_a_narrow_screen(text):
    assert 'name="viewport" content="width=device-width' in text
    assert "max-width: 100%" in text
    # Tables, which cannot be narrower than their words, scroll by themselves.
    assert text.count('<div class="wide"><table>') == text.count("<table>")


def test_the_tables_hold_the_numbers_of_the_card(card, page):
    summary, noise, robustness = page.tables
    found = card.cases[AS_DRAWN]
    rows = {row[0]: row[1] for row in summary[1:]}
    assert rows["Failures"] == f"{100 * found['failures']:.1f} %"
    assert rows["Reduced chi-square"].startswith(f"{found['reduced_chi2']['median']:.3f} (")
    assert f"bias {100 * found['theta_E_error']['median']:+.2f} %" in rows["Einstein radius"]
    assert [row[0] for row in robustness[1:]] == list(card.cases)
    assert [int(row[1]) for row in noise[1:]] == [row["lenses"] for row in card.noise]
    (paper,) = [row for row in noise if row[0] == "400 to 667"]
    assert paper[3:] == ["42 (19 to 141)", "2 (1.17 to 6.2)"]


def test_words_of_the_summary_are_those_of_the_page(card, page):
    assert [tuple(row) for row in page.tables[0][1:]] == summary_lines(card)


def test_names_are_text_and_no_tags(card):
    page = Page(
        report_page(replace(card, weights="<b>&co", dataset={**card.dataset, "name": "<i>"}))
    )
    assert any("<b>&co" in words for words in page.words)
    assert "b" not in page.open


def test_a_card_from_a_file_has_a_page_without_the_single_lenses(card):
    page = Page(report_page(type(card).from_dict(card.to_dict())))
    assert len(page.pictures) == 4


def test_what_does_not_exist_is_a_dash(card):
    columns = {name: np.full_like(v, np.nan) for name, v in card.per_lens.items()}
    columns["theta_E_true"] = card.per_lens["theta_E_true"]
    nothing = dict.fromkeys(("percentile_16", "median", "percentile_84", "scatter"))
    cases = {
        name: {
            **case,
            "source_psnr": nothing,
            "theta_E_error": {**case["theta_E_error"], **nothing},
        }
        for name, case in card.cases.items()
    }
    page = Page(report_page(replace(card, cases=cases, per_lens=columns)))
    rows = {row[0]: row[1] for row in page.tables[0][1:]}
    assert rows["Source PSNR"] == "– dB"
    assert "bias – %" in rows["Einstein radius"]

"""A picture of a simulated market says so, one of real data does not."""

from __future__ import annotations

from matplotlib.figure import Figure

from bondsig_assets.reporting import pictures
from bondsig_assets.reporting.stamp import stamp


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_the_stamp_says_what_the_market_is_or_nothing():
    assert words(stamp(Figure(), "simulated")) == [
        "simulated market: nothing here is evidence about real bonds or stocks"
    ]
    assert words(stamp(Figure(), "")) == []


def test_every_picture_of_a_run_bears_it(tmp_path, monkeypatch):
    drawn = {name: Figure() for name in pictures._DRAWN}
    for name, figure in drawn.items():
        monkeypatch.setitem(pictures._DRAWN, name, lambda _, figure=figure: figure)
    saved = pictures.save_pictures(lambda *_: None, tmp_path, "simulated")
    assert [path.stem for path in saved] == list(drawn)
    assert all(words(figure)[0].startswith("simulated market") for figure in drawn.values())


def test_a_picture_that_is_not_drawn_any_more_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_DRAWN", {"one": lambda _: Figure()})
    (drawn,) = pictures.save_pictures(lambda *_: None, tmp_path)
    monkeypatch.setattr(pictures, "_DRAWN", {"one": lambda _: None})
    assert drawn.exists() and pictures.save_pictures(lambda *_: None, tmp_path) == []
    assert not drawn.exists()

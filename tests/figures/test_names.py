import pytest

from keras_gen.figures import Figure, save_figure
from keras_gen.figures import names as module
from keras_gen.figures.names import shown_names


@pytest.mark.parametrize(
    ("names", "shown", "table"),
    [
        (["cat", "", "Käfer", "$x$"], ["cat", "", "Käfer", r"\$x\$"], {}),
        (["two\nlines", "\x1b[31m"], [r"two\nlines", r"\x1b[31m"], {}),
        (["cat", "犬", "cat", "犬"], ["cat", "#1", "cat", "#1"], {"#1": "犬"}),
        (["a" * 60], ["a" * 12 + "…" + "a" * 11], {}),
        (
            ["a" * 60, "a" * 61],
            ["#0 " + "a" * 12 + "…" + "a" * 11, "#1 " + "a" * 12 + "…" + "a" * 11],
            {"#0": "a" * 60, "#1": "a" * 61},
        ),
    ],
)
def test_names_are_shown_as_they_are_or_shortened_or_numbered(names, shown, table):
    figure = Figure()
    assert shown_names(figure, names) == shown
    assert getattr(figure, "name_table", {}) == table
    assert bool(figure.get_supxlabel()) == bool(table)  # which says where to look


def test_numbers_are_those_of_the_classes_and_listed_beside_the_figure(tmp_path):
    figure = Figure()
    assert shown_names(figure, ["犬", "cat", "猫\r"], [3, 5, 9]) == ["#3", "cat", "#9"]
    save_figure(figure, tmp_path / "map.png")
    assert (tmp_path / "map-names.txt").read_text(encoding="utf-8") == "#3\t犬\n#9\t猫\\r\n"


def test_letters_from_right_to_left_need_a_matplotlib_that_can_draw_them(monkeypatch):
    monkeypatch.setattr(module, "DRAWS_RIGHT_TO_LEFT", False)
    assert shown_names(Figure(), ["שלום", "cat"]) == ["#0", "cat"]
    monkeypatch.setattr(module, "DRAWS_RIGHT_TO_LEFT", True)
    assert shown_names(Figure(), ["שלום", "cat"]) == ["שלום", "cat"]

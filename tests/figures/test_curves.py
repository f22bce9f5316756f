import pytest

from keras_gen.figures import loss_curves, score_curves


@pytest.mark.parametrize("epochs", [1, 3])
def test_each_loss_shares_a_panel_with_its_held_out_twin(epochs):
    history = [
        {"epoch": epoch, "loss": 10.0 / epoch, "kl": float(epoch), "held_out_loss": 11.0 / epoch, "held_out_kl": 2.0}
        for epoch in range(1, epochs + 1)
    ]
    figure = loss_curves(history)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "kl"]
    training, held_out = figure.axes[0].lines
    assert list(training.get_ydata()) == [10.0 / epoch for epoch in range(1, epochs + 1)]
    assert list(held_out.get_ydata()) == [11.0 / epoch for epoch in range(1, epochs + 1)]
    assert held_out.get_linestyle() == "--"
    assert (training.get_marker() == "o") == (epochs == 1)  # a line of one point would not be seen


def test_each_score_has_a_panel_and_a_band_of_its_standard_error():
    rows = [{"epoch": epoch, "kid": 1.0 / epoch, "kid_standard_error": 0.1, "recall": 0.5} for epoch in (2, 4)]
    kid, recall = score_curves(rows).axes
    assert (kid.get_title(), recall.get_title()) == ("kid", "recall")
    assert kid.lines[0].get_xydata().tolist() == [[2, 0.5], [4, 0.25]]
    (band,) = kid.collections
    corners = band.get_paths()[0].vertices
    assert sorted({round(float(y), 9) for x, y in corners if x == 4}) == [0.05, 0.45]
    assert not recall.collections
    assert len(kid.lines) == 1  # no floor is known


def test_the_score_of_real_images_is_a_line_in_the_panel_of_its_score():
    old = {"epoch": 2, "kid": 0.5, "kid_standard_error": 0.1}  # from a version that measured no floor
    new = {"epoch": 4, "kid": 0.2, "kid_standard_error": 0.1, "kid_floor": 0.01, "kid_floor_standard_error": 0.1}
    (axes,) = score_curves([old, new]).axes
    curve, floor = axes.lines
    assert curve.get_ydata().tolist() == [0.5, 0.2]
    assert set(floor.get_ydata()) == {0.01}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["real images"]


def test_a_score_that_is_not_measured_in_each_epoch_is_drawn_where_it_was():
    rows = [{"epoch": epoch, "augment_probability": epoch / 10} for epoch in (1, 2, 3)]
    rows[1] |= {"kid": 0.5, "kid_standard_error": 0.1}
    probability, kid = score_curves(rows).axes
    assert probability.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.2], [3, 0.3]]
    assert kid.lines[0].get_xydata().tolist() == [[2, 0.5]]

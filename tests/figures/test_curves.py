import pytest

from keras_gen.figures import loss_curves


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

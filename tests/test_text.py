import pytest

from keras_gen.text import counted, listed, nearest, printable, whole_number


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cats and dogs", "cats and dogs"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("two\nlines\rback\ttab\x7f\x9b", r"two\nlines\rback\ttab\x7f\x9b"),
        ("gpj.\u202eexe\u2066", r"gpj.\u202eexe\u2066"),
        ("K\udce4fer", r"K\udce4fer"),
        ("line\u2028break", r"line\u2028break"),
        ("Käfer 犬 שלום ✿ $x_1$ C:\\new", "Käfer 犬 שלום ✿ $x_1$ C:\\new"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_not(text, shown):
    assert printable(text) == shown
    assert shown.isprintable() or "\u200c" in shown


def test_long_names_lose_their_middle():
    assert printable("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
    assert printable("a" * 11, 11) == "a" * 11
    assert printable("\x1b" * 9, 11) == r"\x1b…\x1b"  # no escape is cut apart
    assert len(printable("x" * 5000)) == 60


def test_a_list_stays_short_however_many_and_long_its_names_are():
    assert listed("abc") == "a, b, c"
    assert listed(range(30)) == ", ".join(map(str, range(20))) + " and 10 more"
    assert listed(["x" * 99] * 120) == ", ".join(["x" * 30 + "…" + "x" * 29] * 4) + " and 116 more"


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("--epoch", "--epochs"),
        ("--Epochs", "--epochs"),
        ("--dat", None),  # two begin so
        ("--data-s", "--dataset"),
        ("--save", "--save-every"),
        ("--lr", None),
        ("-h", None),
    ],
)
def test_the_nearest_name_is_found_and_a_poor_guess_is_none(word, name):
    assert nearest(word, ["--dataset", "--data-dir", "--epochs", "--save-every", "--help"]) == name


def test_what_is_no_whole_number_is_none():
    texts = ("7", 7, "٧", "-7", "7.0", "", "²", "9" * 18, "9" * 5000)
    assert [*map(whole_number, texts)] == [7, 7, 7, None, None, None, None, 10**18 - 1, None]


def test_one_is_not_many():
    assert (counted(1, "epoch"), counted(1234, "image")) == ("1 epoch", "1,234 images")

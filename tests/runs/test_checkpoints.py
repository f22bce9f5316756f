import keras
import numpy as np
import pytest

from keras_gen import RunFolder
from keras_gen.errors import InputError, RunError
from keras_gen.run.checkpoints import begun_epochs, load_checkpoint, save_checkpoint
from tests.conftest import values_of
from tests.small import quiet


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", "vae", "stripes")


def groups(seed=0):
    """Variables of several types, as networks and optimisers have them."""
    random = np.random.default_rng(seed)
    weights = [keras.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((2, 3), (3,), ())]
    return {"net": weights, "optimizer": [keras.Variable(seed, dtype="int64")]}


def position(epoch, step=0):
    return {"epoch": epoch, "step": step, "history": [{"epoch": epoch, "loss": 0.1}]}


def test_a_checkpoint_gives_back_all_variables_and_the_position(folder):
    saved, other = groups(1), groups(2)
    path = save_checkpoint(folder, saved, position(3, 7))
    assert path.name == "epoch-000003-step-00000007.npz" and begun_epochs(folder) == 4
    assert load_checkpoint(folder, other) == position(3, 7)
    for name in saved:
        for one, two in zip(values_of(saved[name]), values_of(other[name]), strict=True):
            assert one.dtype == two.dtype
            np.testing.assert_array_equal(one, two)


def test_two_checkpoints_are_kept_and_nothing_half_written(folder):
    for epoch in (1, 2, 10):
        save_checkpoint(folder, groups(epoch), position(epoch))
    names = sorted(path.name for path in folder.checkpoints.iterdir())
    assert names == ["epoch-000002-step-00000000.npz", "epoch-000010-step-00000000.npz"]
    (folder.checkpoints / ".partial-of-a-killed-process.npz").touch()
    assert load_checkpoint(folder, groups()) == position(10)


def test_variables_that_are_not_finite_are_never_saved(folder):
    broken = groups()
    broken["net"][1].assign([0, np.inf, 0])
    with pytest.raises(RunError, match=r"the weights \(net/1\) are no longer finite; the last good checkpoint is kept"):
        save_checkpoint(folder, broken, position(1))
    assert not folder.has_checkpoint


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_damage_is_said_and_the_checkpoint_before_is_taken(folder, damage):
    save_checkpoint(folder, groups(1), position(1))
    newest = save_checkpoint(folder, groups(2), position(2))
    if damage is None:  # an archive without what is needed
        np.savez(newest, other=np.zeros(3))
    else:
        newest.write_bytes(damage)
    for checked in (True, False):  # with the checksum and, as in a run of format version 1, without
        said, variables = [], groups()
        assert load_checkpoint(folder, variables, said.append) == position(1)
        assert f"{newest} is damaged" in said[0] and "trying the one before it" in said[0]
        np.testing.assert_array_equal(*values_of([variables["net"][0], groups(1)["net"][0]]))
        if checked:
            folder.checksums.path.unlink()


def test_a_newest_checkpoint_that_is_gone_is_named(folder):
    save_checkpoint(folder, groups(1), position(1))
    newest, said = save_checkpoint(folder, groups(2), position(2)), []
    assert load_checkpoint(folder, groups(), said.append) == position(2)
    newest.unlink()
    assert load_checkpoint(folder, groups(), said.append) == position(1)
    assert said == [f"{newest} is not there; trying the one before it"]


def test_a_checkpoint_of_other_networks_and_a_folder_without_one_are_refused(folder):
    with pytest.raises(InputError, match="holds no checkpoint; start the run again"):
        load_checkpoint(folder, groups(), quiet)
    only = save_checkpoint(folder, groups(), position(1))
    for other in ({"net": groups()["net"]}, groups() | {"net": groups()["net"][::-1]}):
        with pytest.raises(InputError, match=r"does not fit the networks that run\.json describes"):
            load_checkpoint(folder, other, quiet)
    only.write_bytes(b"")
    with pytest.raises(InputError, match=f"{only} is damaged .* there is no other checkpoint; start the run again"):
        load_checkpoint(folder, groups(), quiet)

from types import SimpleNamespace

import keras
import pytest

from keras_gen.training import device


def card(folder, vendor, kind):
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(vendor + "\n")
    (folder / "class").write_text(kind + "\n")


def test_an_nvidia_card_that_the_backend_cannot_use_is_named_with_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "gpus", lambda: [])
    card(tmp_path / "0000:00:01", "0x8086", "0x030000")
    card(tmp_path / "0000:00:02", "0x10de", "0x020700")  # a network card of the same maker
    assert device.unused_nvidia_card(tmp_path) is None
    card(tmp_path / "0000:00:03", "0x10de", "0x030200")
    assert 'pip install "tensorflow[and-cuda]"' in device.unused_nvidia_card(tmp_path)
    monkeypatch.setattr(device, "gpus", lambda: ["H100"])
    assert device.unused_nvidia_card(tmp_path) is None


@pytest.mark.parametrize(
    ("jit", "gpus", "slower", "expected"),
    [
        ("auto", [], False, True),
        ("auto", [], True, False),
        ("auto", ["H100"], True, "auto"),
        ("on", [], True, True),
        ("off", [], False, False),
    ],
)
def test_xla_is_chosen_by_network_and_device(monkeypatch, jit, gpus, slower, expected):
    monkeypatch.setattr(device, "gpus", lambda: gpus)
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    assert device.jit_compile(jit, slower) == expected


def test_the_dtype_policy_is_put_back():
    before = keras.config.dtype_policy()
    with device.precision("mixed_bfloat16"):
        assert keras.config.dtype_policy().compute_dtype == "bfloat16"
    assert keras.config.dtype_policy() is before


def test_the_device_is_named():
    assert device.device_name().startswith(("CPU (", "GPU ("))


@pytest.mark.parametrize(
    ("features", "convolutional", "expected", "reason"),
    [
        ("fpu avx512_bf16 amx_bf16", True, "mixed_bfloat16", "this CPU has AMX"),
        ("fpu avx512_bf16", True, "mixed_bfloat16", "this CPU has AVX512-BF16"),
        ("fpu avx512f", True, "float32", "this CPU has neither AMX nor AVX512-BF16"),
        ("fpu amx_bf16", False, "float32", "on a CPU small dense networks gain nothing from bfloat16"),
        (None, True, "float32", "this CPU has neither AMX nor AVX512-BF16"),  # not on Linux
    ],
)
def test_the_best_precision_of_a_cpu(features, convolutional, expected, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "gpus", lambda: [])
    if features is not None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {features}\n")
    assert device.best_precision(convolutional, tmp_path / "cpuinfo") == (expected, reason)


@pytest.mark.parametrize(
    ("capability", "expected"), [((8, 0), "mixed_bfloat16"), ((7, 5), "float32"), (None, "float32")]
)
def test_the_best_precision_of_a_gpu(capability, expected, monkeypatch):
    monkeypatch.setattr(device, "gpus", lambda: ["a GPU"])
    monkeypatch.setattr(device, "_compute_capability", lambda: capability)
    assert device.best_precision(convolutional=False)[0] == expected


def test_memory_is_given_back_where_the_c_library_can(monkeypatch):
    called = []
    for library in (SimpleNamespace(malloc_trim=called.append), SimpleNamespace()):
        monkeypatch.setattr(device.ctypes, "CDLL", lambda name, library=library: library)
        device.return_freed_memory()
    assert called == [0]

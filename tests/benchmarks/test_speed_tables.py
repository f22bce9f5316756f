from keras_gen.benchmarks.runner import Result
from keras_gen.benchmarks.speed_tables import picture_table, section, verdicts
from keras_gen.benchmarks.tasks import PEAKS, WORKERS, Task

BARE, *_, SHARED, _, TORCH, CHANNELS_LAST = WORKERS["dcgan"]
TASK = Task("dcgan", (32, 32, 3), "float32", 128, 10)


def results(gpu=None):
    seconds = {BARE: [2.0, 4.0, 2.0], SHARED: [1.0, 1.0, 1.0], TORCH: [4.0, 4.0, 4.0], CHANNELS_LAST: [2.0, 2.0, 2.0]}
    measured = [Result(worker, 5.0, times, 10**9, gpu) for worker, times in seconds.items()]
    return [*measured, Result(PEAKS[0], 1.0, [10.0, 20.0, 10.0]), Result(PEAKS[1], 1.0, [20.0, 5.0, 40.0])]


def cells(lines):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_a_table_compares_with_the_bare_loop_and_with_the_best_of_pytorch():
    lines = section(TASK, results(), [10**11, 5 * 10**10])
    assert lines[0] == "## DCGAN, 32x32x3, batch 128, float32"
    assert lines[2] == "10 steps a round, 100 GFLOP a step, 50 with shared fakes; the peak is 100 GFLOP/s."
    head, _, bare, shared, torch, _ = cells(lines)
    assert head[1:5] == ["s a step", "steps/s", "× bare `train_on_batch`", "× PyTorch, channels-last"]
    # The peak is 100, 200 and 100 GFLOP/s; the bare loop did 500, 250 and 500.
    assert bare == ["bare `train_on_batch`", "0.2", "5", "1.00", "1.00", "500%", "1,000", "–", "5.0"]
    # Half the work in half the time, and four times as fast in one round.
    assert shared == ["ours, compiled, shared fakes", "0.1", "10", "2.00", "2.00", "500%", "1,000", "–", "5.0"]
    assert torch[3] == "0.50"


def test_ratios_are_of_the_same_round():
    measured = [Result(BARE, 1.0, [1.0, 10.0, 100.0]), Result(SHARED, 1.0, [0.5, 5.0, 50.0])]
    rows = cells(section(TASK, [*measured, results()[-2]], [10**9, 10**9]))
    assert [row[3] for row in rows[2:]] == ["1.00", "2.00"]
    assert len(rows[0]) == 8  # without PyTorch nothing is compared with it


def test_a_gpu_s_memory_has_a_column():
    head, _, bare, *_ = cells(section(TASK, results(gpu=3 * 10**9), [10**9, 10**9]))
    assert bare[head.index("GPU memory, MB")] == "3,000"


def test_the_verdict_says_whether_launches_or_arithmetic_bound_a_step():
    large = Task("dcgan", (32, 32, 3), "float32", 1024, 10)
    other = Task("dcgan", (64, 64, 3), "float32", 1024, 10)
    longer = [Result(BARE, 1.0, [3.0]), Result(SHARED, 1.0, [3.0])]
    lines = verdicts({TASK: results(), large: longer, other: longer})
    assert lines[4].startswith("DCGAN, 32x32x3, batch 128, float32")
    assert [row[3:] for row in cells(lines)[2:]] == [["1.5", "launches"], ["3.0", "arithmetic"]]
    assert verdicts({TASK: results(), other: longer}) == []


def test_commands_that_could_not_run_say_why():
    lines = picture_table({"vae": [3.21, 8.0], "dcgan": "error: no data"})
    assert cells(lines)[2] == ["`python train_vae.py`", "3.2", "8.0"]
    assert lines[-1] == "Left out: train_dcgan.py: error: no data"

"""Damages each file of finished runs in each way, runs every command, and tabulates what it did.

    python -m tests.tools.damage_table --out damage [--count 300] [--processes 2]

Files are found by walking the run folder (one of each kind of file), commands in the table of keras_gen.cli.main.
What is done is in OUT/progress.jsonl; the same command goes on from there, and prints the table at the end.
docs/robustness.md says how to read it.
"""

import argparse
import concurrent.futures
import contextlib
import importlib
import io
import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.tools.tiny_runs import (
    append_line,
    contents,
    differing_lines,
    finished_lines,
    markdown,
    plain,
    same_but,
    training,
    write_images,
)

KINDS = ("vae", "dcgan")
NOT_OF_A_RUN = ("minimal", "benchmark")
ARGUMENTS = {  # what a command needs, and small numbers where its own would take long
    "compare": ["other"],
    "evaluate": ["--count", "8", "--samples", "1", "--importance-samples", "2"],
    "export": ["--to", "numpy"],
    "generate": ["--count", "2"],
    "latent manifold": ["--side", "3"],
    "latent project": ["RUN/images/epoch-0001.png"],
    "latent traverse": ["--rows", "2", "--steps", "3"],
}
PREPARING = ("latent scatter", "evaluate", "explore")  # commands that leave files which others read
TRIALS_A_PROCESS = 200
SECONDS_A_TRIAL = 120
UNAFFECTED, NAMED, LINE, VAGUE, TRACEBACK, SILENT, HANGS = OUTCOMES = (
    "unaffected",
    "goes on, and names the file",
    "one line that names the file",
    "one line without the file",
    "traceback",
    "silently different",
    "hangs or crashes",
)
BAD = (VAGUE, TRACEBACK, SILENT, HANGS)
NO_COMMAND = "the command does not work on an undamaged run of this kind"


@dataclass(frozen=True)
class Trial:
    """One damage to one file, and a command on that run."""

    kind: str
    file: str
    damage: str
    command: str


@dataclass
class Outcome:
    """What a command did: its exit code, what it printed, what became of the files; which it wrote, which it opened."""

    code: int | str
    out: str
    err: str
    files: dict[str, str]
    written: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()


# What is done to a file. Each is given its path and the same file of another run.


def missing(path: Path, other: Path) -> None:
    path.unlink()


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def cut_in_half(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped_bytes(path: Path, other: Path) -> None:
    data = bytearray(path.read_bytes())
    for part in (1, 3, 5, 7, 9):
        data[len(data) * part // 10] ^= 0xFF
    path.write_bytes(data)


def another_type(path: Path, other: Path) -> None:
    if path.suffix == ".png":
        path.write_text("This is a text.\n")
    elif path.suffix in (".keras", ".npz"):
        path.write_text('{"this is": "JSON"}\n')
    else:
        path.write_bytes(bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)))


def from_another_run(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def a_folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


def unreadable(path: Path, other: Path) -> None:
    path.chmod(0)
    _blocked.add(os.path.realpath(path))  # root may read all the same


DAMAGES = {
    function.__name__.replace("_", " "): function
    for function in (
        missing,
        empty,
        cut_in_half,
        flipped_bytes,
        another_type,
        from_another_run,
        a_folder,
        unreadable,
    )
}
OF_CONTENT = ("flipped bytes", "another type", "from another run", "unreadable")  # only who opens the file can notice
_blocked: set[str] = set()
_opened: set[str] | None = None


def _watch_open(event: str, arguments: tuple) -> None:
    """An audit hook: `open` of a blocked path fails as for a user who may not read it, and of others is noted."""
    if event == "open" and (_blocked or _opened is not None) and isinstance(arguments[0], str | bytes):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path in _blocked:
            raise PermissionError(13, "Permission denied", path)
        if _opened is not None:
            _opened.add(path)


sys.addaudithook(_watch_open)


def file_kind(name: str) -> str:
    """Return a file's name with a star for its number; figures are one kind: no command reads one alone."""
    return "figures/*.png" if name.startswith("figures/") else re.sub(r"\d{3,}", "*", name)


def commands(kind: str) -> dict[str, list[str]]:
    """Return the arguments of all commands on a run, by what to call them; RUN stands for its folder.

    Beside it is `other`, a run of the same kind.
    """
    from keras_gen.cli.main import COMMANDS

    found = {}
    for name in COMMANDS:
        if name.startswith("train-"):
            if name == f"train-{kind}":
                found["resume"] = [name, "--resume", "RUN", "--epochs", "3"]
            continue
        if name in NOT_OF_A_RUN:
            continue
        parser = importlib.import_module(f"keras_gen.cli.{name}").parser()
        views = next((action.choices for action in parser._actions if isinstance(action.choices, dict)), {})
        for view in views or [""]:
            title = f"{name} {view}".strip()
            words = [name, "RUN", view] if view else [name, "RUN"]
            found[title] = [*words, *ARGUMENTS.get(title, [])]
            if any("--best" in action.option_strings for action in parser._actions) and name == "generate":
                found[f"{title} --best"] = [*found[title], "--best"]
    return found


class Table:
    """The finished runs in a folder, and what each command does with them when nothing is damaged.

    Args:
        out: The folder; runs that are not there yet are made.
        kinds: Of the runs.
        only: Commands; None is all.
    """

    def __init__(self, out: Path, kinds: tuple[str, ...] = KINDS, only: tuple[str, ...] | None = None) -> None:
        self.out, self.kinds, self.only = out.absolute(), kinds, only
        os.environ["KERAS_HOME"] = str(self.out / "keras")  # the features that evaluate trains
        data = self.out / "stripes.npz"
        if not data.exists():
            write_images(data)
        for kind, seed in itertools.product(kinds, (0, 1)):
            run = self.run(kind, seed)
            if run.exists():
                continue
            making = run.with_name(f"making-{run.name}")
            shutil.rmtree(making, ignore_errors=True)
            _expect_done([*training(kind, data, seed=seed), "--out", str(making)])
            for name, words in commands(kind).items():
                if name in PREPARING:
                    outcome = call(words, making)
                    assert outcome.code in (0, 2), outcome
            making.rename(run)
        self._undamaged: dict[tuple[str, str, int], Outcome] = {}

    def run(self, kind: str, seed: int = 0) -> Path:
        """Return the folder of a finished run."""
        return self.out / f"{kind}-{seed}"

    def trials(self, seed: int = 0) -> list[Trial]:
        """Return all trials, in an order that makes any number of the first ones a sample."""
        found = []
        for kind in self.kinds:
            names = (path.relative_to(self.run(kind)).as_posix() for path in sorted(self.run(kind).rglob("*")))
            names = [name for name in names if (self.run(kind) / name).is_file() and Path(name).name[0] != "."]
            files = {file_kind(name): name for name in reversed(names)}
            names = [name for name in commands(kind) if self.only is None or name in self.only]
            found += [Trial(kind, *rest) for rest in itertools.product(files.values(), DAMAGES, names)]
        random.Random(seed).shuffle(found)
        return found

    def undamaged(self, kind: str, command: str, number: int = 1) -> Outcome:
        """Return what a command does on a run; what differs between the numbers is left to chance."""
        key = kind, command, number
        if key not in self._undamaged:
            self._undamaged[key] = self._try(kind, command, lambda run: None)
        return self._undamaged[key]

    def run_trial(self, trial: Trial) -> dict[str, str]:
        """Do one trial, and return it with its outcome and a detail."""
        first = self.undamaged(trial.kind, trial.command)
        other = self.run(trial.kind, 1) / trial.file
        if first.code != 0:
            why = first.err if isinstance(first.code, int) else first.code
            return asdict(trial) | {"outcome": NO_COMMAND, "detail": why.strip()[-300:]}
        if trial.damage == "from another run" and not other.is_file():
            return asdict(trial) | {"outcome": "no other file", "detail": ""}
        if trial.damage in OF_CONTENT and trial.file not in first.opened | first.written:
            return asdict(trial) | {"outcome": UNAFFECTED, "detail": "the command does not open the file"}

        def damage(run: Path) -> None:
            DAMAGES[trial.damage](run / trial.file, other)

        # A command adds a line to checksums.txt for each file that it writes; what is lost there stays lost.
        written = trial.file != "checksums.txt" and trial.file in first.written
        found = self._try(trial.kind, trial.command, damage)
        outcome, detail = classify(found, first, first, trial.file, written)
        if outcome in (NAMED, SILENT):
            second = self.undamaged(trial.kind, trial.command, 2)
            outcome, detail = classify(found, first, second, trial.file, written)
        return asdict(trial) | {"outcome": outcome, "detail": detail}

    def _try(self, kind: str, command: str, damage: Callable[[Path], None]) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="damage-", ignore_cleanup_errors=True) as folder:
            run = Path(folder) / "run"
            shutil.copytree(self.run(kind), run)
            (run.parent / "other").symlink_to(self.run(kind, 1))
            damage(run)
            try:
                return call(commands(kind)[command], run)
            finally:
                _blocked.clear()


def call(words: list[str], run: Path) -> Outcome:
    """Run a command in this process, in the run's parent folder."""
    from keras_gen.cli.main import main

    global _opened
    out, err, folder, before = io.StringIO(), io.StringIO(), Path.cwd(), contents(run)
    os.chdir(run.parent)
    _opened = set()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _alarm(SECONDS_A_TRIAL):
            code = main([word.replace("RUN", str(run)) for word in words])
    except SystemExit as error:
        code = error.code
    except TimeoutError:
        code = "hangs"
    except Exception:
        code = traceback.format_exc()
    finally:
        os.chdir(folder)
        _blocked.clear()
        paths, _opened = _opened, None
    root = f"{os.path.realpath(run)}{os.sep}"
    opened = frozenset(Path(path.removeprefix(root)).as_posix() for path in paths if path.startswith(root))
    made = {f"../{path.name}": "" for path in run.parent.iterdir() if path != run}
    after = contents(run) | made
    written = frozenset(name for name in after if after[name] != before.get(name))
    return Outcome(code, plain(out.getvalue(), run), plain(err.getvalue(), run), after, written, opened)


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)}
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def classify(outcome: Outcome, first: Outcome, second: Outcome, file: str, written: bool) -> tuple[str, str]:
    """Return what a command made of a damaged file, and the detail that shows it.

    Args:
        outcome: With the damage.
        first: Without it.
        second: Without it, once more.
        file: The damaged file's name.
        written: Whether the command writes that file itself.
    """
    if outcome.code == "hangs":
        return HANGS, ""
    if isinstance(outcome.code, str):
        return TRACEBACK, outcome.code.strip().splitlines()[-1]
    if outcome.code != 0:
        lines = [line for line in outcome.err.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        if len(errors) == 1 and outcome.code in (1, 2) and lines[-1] == errors[0]:
            return (LINE if Path(file).name in errors[0] else VAGUE), errors[0]
        return TRACEBACK, f"exit code {outcome.code}: {outcome.err[-300:]}"
    ignored = None if written else file
    differences = [
        name
        for name in sorted(set(outcome.files) | set(first.files))
        if name != ignored and not _same(outcome.files.get(name), first.files.get(name), second.files.get(name))
    ]
    texts = [("stdout", outcome.out, first.out, second.out), ("stderr", outcome.err, first.err, second.err)]
    differences += [name for name, *three in texts if not _same(*three)]
    if not differences:
        return UNAFFECTED, ""
    new_lines = set((outcome.out + outcome.err).splitlines()) - set((first.out + first.err).splitlines())
    if any(Path(file).name in line for line in new_lines):
        return NAMED, "; ".join(differences)
    return SILENT, "; ".join(differences)


def _same(text: str | None, first: str | None, second: str | None) -> bool:
    if text is None or first is None or second is None:
        return text == first
    return same_but(differing_lines(first, second), text, first)


def table(rows: list[dict[str, str]]) -> str:
    """Return the outcomes of trials as Markdown: a row for each kind of file, a column for each damage."""
    counts: dict[tuple[str, str], Counter] = {}
    for row in rows:
        counts.setdefault((file_kind(row["file"]), row["damage"]), Counter())[row["outcome"]] += 1
    kinds = sorted({kind for kind, _ in counts})
    cells = [["file", *DAMAGES]]
    for kind in kinds:
        cells.append([f"`{kind}`", *(_cell(counts.get((kind, damage), Counter())) for damage in DAMAGES)])
    total = Counter(row["outcome"] for row in rows)
    summary = [["outcome", "trials"], *([outcome, total[outcome]] for outcome in OUTCOMES)]
    bad = [
        f"- {row['outcome']}: {row['kind']} `{row['file']}` {row['damage']}, `{row['command']}`: {row['detail'][:300]}"
        for row in rows
        if row["outcome"] in BAD
    ]
    unusable = {(row["kind"], row["command"]): row["detail"] for row in rows if row["outcome"] == NO_COMMAND}
    notes = [f"- {NO_COMMAND}: {kind}, `{command}`: {detail}" for (kind, command), detail in sorted(unusable.items())]
    return "\n".join([markdown(summary), "", markdown(cells), "", *bad, *notes])


def _cell(counts: Counter) -> str:
    """Return trials without effect, with a line that names the file, and those that must not be."""
    good = f"{counts[UNAFFECTED]} + {counts[LINE] + counts[NAMED]}"
    bad = sum(counts[outcome] for outcome in BAD)
    return f"**{good} + {bad}**" if bad else good


_table: Table | None = None


def _in_a_process(out: Path, trial: Trial) -> dict[str, str]:
    global _table
    _table = _table or Table(out)
    return _table.run_trial(trial)


def run_trials(found: Table, count: int | None = None, seed: int = 0, processes: int = 1) -> list[dict[str, str]]:
    """Do the trials that are not in the file of progress yet; return all rows of this seed's sample.

    Args:
        found: Runs and commands; progress.jsonl is in its folder.
        count: Trials of the sample; None is all of them.
        seed: Of the sample.
        processes: Python processes at a time; 0 does the trials in this one.
    """
    sample = found.trials(seed)[:count]
    progress = found.out / "progress.jsonl"
    done = {
        Trial(*(row[name] for name in ("kind", "file", "damage", "command"))): row for row in finished_lines(progress)
    }
    left = [trial for trial in sample if trial not in done]
    for row in _rows(found, left, processes):
        done[Trial(*(row[name] for name in ("kind", "file", "damage", "command")))] = row
        append_line(progress, row)
        if processes:
            print(f"\r{len(left)} left at the start, {len(done)} done", end="", file=sys.stderr)
    return [done[trial] for trial in sample if trial in done]


def _rows(found: Table, trials: list[Trial], processes: int) -> Iterator[dict[str, str]]:
    if processes == 0:
        yield from map(found.run_trial, trials)
        return
    context = multiprocessing.get_context("spawn")
    while trials:
        # A pool for each round: TensorFlow keeps memory of each network, and a pool that replaces its own processes
        # (`max_tasks_per_child`) can wait for ever in Python 3.11.
        waiting = dict.fromkeys(trials[: TRIALS_A_PROCESS * processes])
        trials = trials[len(waiting) :]
        with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
            futures = {pool.submit(_in_a_process, found.out, trial): trial for trial in waiting}
            for future in concurrent.futures.as_completed(futures):
                try:
                    row = future.result()
                except concurrent.futures.process.BrokenProcessPool:
                    break
                del waiting[futures[future]]
                yield row
        if waiting:  # one of the first that had not ended took its process with it
            ended, *rest = waiting
            yield asdict(ended) | {"outcome": HANGS, "detail": "the process ended"}
            trials = rest + trials


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("damage"), help="folder of runs and progress")
    parser.add_argument("--count", type=int, help="trials, taken at random (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of their order (default: 0)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default: 2)")
    options = parser.parse_args()
    rows = run_trials(Table(options.out), options.count, options.seed, options.processes)
    text = table(rows)
    print(f"\n{text}")
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    return int(any(row["outcome"] in BAD for row in rows))


def _expect_done(words: list[str]) -> None:
    from keras_gen.cli.main import main as keras_gen

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = keras_gen(words)
    assert code == 0, f"{words} ended with {code}"


if __name__ == "__main__":
    sys.exit(main())

"""Ends trainings by signals at random moments, resumes them, and compares them with undisturbed ones.

    python -m tests.tools.kill_runs --out kills [--count 200]

Each trial is the training command in a process of its own, forked from one that has imported TensorFlow but computed
nothing yet; `--fresh` starts Python anew instead. It gets SIGKILL, SIGTERM, SIGINT or SIGHUP between its first moment
and its last. Then the same command goes on with `--resume`, or begins again if there was no run folder yet. What is
done is in OUT/progress.jsonl; the same command goes on from there, and prints the table at the end.
"""

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.tools.tiny_runs import (
    append_line,
    contents,
    differing_lines,
    finished_lines,
    markdown,
    same_but,
    training,
    write_images,
)

KINDS = ("vae", "dcgan")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")
LEFT_OUT = ("checksums.txt", "run.json", "timing.csv")  # hold times, or one line more for each resume
PROBLEM_SECONDS = 300  # a training that takes longer hangs


class Training:
    """A training command in a process of its own, in a session of its own.

    Args:
        words: Of the command.
        folder: Where it runs; its output is kept in log.txt there.
        fresh: Whether Python starts anew, and is not forked from this process.
    """

    def __init__(self, words: list[str], folder: Path, fresh: bool) -> None:
        self.log, self.started = folder / "log.txt", time.monotonic()
        if fresh:
            with self.log.open("ab") as log:
                command = [sys.executable, "-m", "keras_gen", *words]
                process = subprocess.Popen(
                    command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                    env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
                )  # fmt: skip
            self.pid = process.pid
            process.returncode = 0  # `wait` below asks for it, and nobody else
            return
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, folder, self.log)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code once it has ended, minus the number of the signal that ended it; None if it has not."""
        until = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                return None
            time.sleep(0.01)

    def finish(self) -> int:
        """Wait until it has ended, and return its exit code.

        Raises:
            TimeoutError: It hangs; it has been killed.
        """
        code = self.wait(PROBLEM_SECONDS)
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise TimeoutError(f"it hangs: {self.log}")
        return code


def _become(words: list[str], folder: Path, log: Path) -> None:
    """Turn a forked process into one that runs a command as Python would, and end it."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(number, stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        for name in ("SIGTERM", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from keras_gen.cli.main import main

        code = main(words)
    except SystemExit as error:
        code = error.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)


def import_everything() -> None:
    """Import what a training needs, and compute nothing: a process in which TensorFlow has started cannot be forked."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import matplotlib.figure  # noqa: F401
    import tensorflow  # noqa: F401

    import keras_gen.cli.train
    import keras_gen.training.dcgan
    import keras_gen.training.start
    import keras_gen.training.vae  # noqa: F401


class Kills:
    """Undisturbed trainings in a folder, and trials to compare with them.

    Args:
        out: The folder.
        fresh: Whether each process starts Python anew.
    """

    def __init__(self, out: Path, fresh: bool = False) -> None:
        self.out, self.fresh = out.absolute(), fresh
        os.environ["KERAS_HOME"] = str(self.out / "keras")
        self.data = self.out / "stripes.npz"
        if not self.data.exists():
            write_images(self.data)
        if not fresh:
            import_everything()
        self.seconds: dict[str, float] = {}
        self.undisturbed: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        for kind in KINDS:
            folders = [self.out / f"undisturbed-{kind}-{number}" for number in (1, 2)]
            for folder in folders:
                if not (folder / "seconds.txt").exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir()
                    process = self.start(kind, folder)
                    code = process.finish()
                    assert code == 0, (folder / "log.txt").read_text()
                    (folder / "seconds.txt").write_text(f"{time.monotonic() - process.started}")
            # The second: what is compiled, cached or trained once has been by then.
            self.seconds[kind] = float((folders[1] / "seconds.txt").read_text())
            self.undisturbed[kind] = tuple(contents(folder / "run") for folder in folders)

    def start(self, kind: str, folder: Path, *words: str) -> Training:
        """Start a training in a folder; `words` take the place of its flags."""
        command = [f"train-{kind}", *words] if words else [*training(kind, self.data), "--out", "run"]
        return Training([*command, "--save-every", "0"], folder, self.fresh)

    def trial(self, number: int, seed: int = 0) -> dict[str, object]:
        """Do one trial: kind, signal and moment follow from its number."""
        kind, name = KINDS[number % len(KINDS)], SIGNALS[number // len(KINDS) % 4]
        moment = random.Random(f"{seed} {number}").random() * self.seconds[kind]
        facts = {"number": number, "seed": seed, "kind": kind, "signal": name, "moment": round(moment, 3)}
        folder = self.out / f"trial-{seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        process = self.start(kind, folder)
        code = process.wait(moment)
        if code is None:
            os.kill(process.pid, getattr(signal, name))
        try:
            facts["code"] = process.finish() if code is None else code
            facts["problem"] = self._complete(kind, folder) or self.compare(kind, folder / "run")
        except TimeoutError as error:
            facts["problem"] = str(error)
        if not facts["problem"]:
            shutil.rmtree(folder)
        return facts

    def _complete(self, kind: str, folder: Path) -> str:
        """Resume what was ended, or begin again if there is nothing to resume; return what went wrong."""
        import json

        record = folder / "run" / "run.json"
        if not record.exists():
            code = self.start(kind, folder).finish()
        elif json.loads(record.read_text())["status"] != "finished":
            code = self.start(kind, folder, "--resume", "run").finish()
        else:
            code = 0
        last = (folder / "log.txt").read_text(errors="replace").strip().splitlines()[-1:]
        return f"the resume ended with {code}: {last}" if code else ""

    def compare(self, kind: str, run: Path) -> str:
        """Return the files in which a run differs from the undisturbed ones, as text; empty if in none."""
        first, second = self.undisturbed[kind]
        found = contents(run)
        differing = []
        for name in sorted(set(first) | set(found)):
            if name in LEFT_OUT or name.startswith("checkpoints/"):
                continue
            if name not in first or name not in found:
                differing.append(f"{name} ({'more' if name in found else 'missing'})")
            elif not same_but(differing_lines(first[name], second[name]), found[name], first[name]):
                differing.append(name)
        return ", ".join(differing)


def run_trials(
    out: Path, count: int, seed: int = 0, fresh: bool = False, tell: Callable[[str], None] = lambda line: None
) -> list[dict]:
    """Do the trials that are not in the file of progress yet, and return the facts of all.

    Args:
        out: Folder of the runs and of progress.jsonl.
        count: Trials.
        seed: Of the moments.
        fresh: Whether each process starts Python anew.
        tell: Takes a line after each trial.
    """
    kills = Kills(out, fresh)
    progress = out / "progress.jsonl"
    done = {row["number"]: row for row in finished_lines(progress) if row["seed"] == seed}
    for number in itertools.filterfalse(done.__contains__, range(count)):
        done[number] = kills.trial(number, seed)
        append_line(progress, done[number])
        tell(f"{number + 1} of {count}: {done[number]}")
    return [done[number] for number in range(count)]


def table(rows: list[dict]) -> str:
    """Return the outcomes as Markdown, and a line for each run that was not the same."""
    cells = [["model", *SIGNALS]]
    for kind in KINDS:
        counts = Counter((row["signal"], bool(row["problem"])) for row in rows if row["kind"] == kind)
        cells.append(
            [kind, *(f"{counts[name, False]} of {counts[name, False] + counts[name, True]}" for name in SIGNALS)]
        )
    return "\n".join([markdown(cells), "", *(f"- {row}" for row in rows if row["problem"])])


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("kills"), help="folder of runs and progress")
    parser.add_argument("--count", type=int, default=200, help="trials (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--fresh", action="store_true", help="start Python anew for each process")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = run_trials(options.out.absolute(), options.count, options.seed, options.fresh, print)
    text = table(rows)
    print(text)
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    return int(any(row["problem"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""python -m keras_gen benchmark --quality: trains what a study compares, and prints its table."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from keras_gen.benchmarks.race import ROOT
from keras_gen.benchmarks.studies import STUDIES, Study, report
from keras_gen.cli.command import DONE, INTERRUPTED, TERMINATED, Terminated, check_seed
from keras_gen.errors import InputError, RunError
from keras_gen.files import write_text
from keras_gen.training.recipes import settings_of
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import Settings, changes


def quality(names: list[str], seeds: list[int], out: Path, data_dir: str | None) -> int:
    """Train and measure what is not there yet, print the tables and write them to OUT/tables.md; return the exit code.

    Args:
        names: Of the studies.
        seeds: Each trial is run with each of them.
        out: Folder for the runs; one that was stopped goes on.
        data_dir: Where the data sets are looked for first.

    Raises:
        InputError: A seed is out of bounds, the folder is a file, or a run in it cannot go on or has other settings.
        RunError: A run failed.
    """
    for seed in seeds:
        check_seed(seed)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder for the runs")
    data_dir = data_dir and str(Path(data_dir).absolute())
    lines = []
    for name in names:
        study = STUDIES[name]
        folders = {
            trial: [RunFolder(out / f"{name}-{trial.name}-seed-{seed}") for seed in seeds] for trial in study.trials
        }
        for trial, runs in folders.items():
            for seed, run in zip(seeds, runs, strict=True):
                _check(study.resolved(trial, seed), run)
        for place, seed in enumerate(seeds):  # all rows of a seed come first, so that one seed can be looked at early
            for trial, runs in folders.items():
                code = _make(study, study.command(trial, seed, data_dir), runs[place])
                if code != DONE:
                    return code
        table = report(study, folders)
        print("\n".join(["", *table]), flush=True)
        lines += [*table, ""]
    write_text(out / "tables.md", "\n".join(lines))
    return DONE


def _check(wanted: Settings, run: RunFolder) -> None:
    """Raise InputError for what a folder holds that cannot go on, or is of other settings: an older study's, say."""
    if not run.path.exists():
        return
    if not run.has_checkpoint:
        raise InputError(f"{run.path} was stopped before its first checkpoint; remove it, and give the command again")
    # What was asked for as `auto` is kept as what it became; a recipe is but a name for the other settings.
    if different := changes(settings_of(run.read()).as_dict(), wanted.as_dict(), ("precision", "recipe")):
        raise InputError(
            f"{run.path} was made with other settings: {'; '.join(different)}; remove it, or name another folder with "
            "--out"
        )


def _make(study: Study, command: list[str], run: RunFolder) -> int:
    """Do what one run still needs; return an exit code."""
    path = str(run.path)
    if not run.path.exists():
        code = _python([*command, "--out", path])
    elif run.read()["status"] != "finished":
        code = _python([command[0], "--resume", path])
    else:
        code = DONE
    if code != DONE or study.validated or study.kind == "vae" or _measured(run):
        return code
    return _python(["-m", "keras_gen", "evaluate", path])


def _measured(run: RunFolder) -> bool:
    """Tell whether `evaluate` has measured the models that a run ended with."""
    path = run.path / "metrics.json"
    if not path.exists():
        return False
    scores = json.loads(path.read_text())
    return (scores["models"], scores.get("epoch")) == ("last", run.read()["settings"]["epochs"])


def _python(arguments: list[str]) -> int:
    """Run Python in the user's terminal; return DONE, or the exit code of a process that was stopped."""
    print(f"\n+ {shlex.join(['python', *arguments])}", flush=True)
    child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
    while True:
        try:
            code = child.wait()
            break
        except KeyboardInterrupt:
            continue  # the child has had it too, and saves
        except Terminated:  # the child has not
            child.terminate()
            child.wait()
            raise
    if code in (DONE, INTERRUPTED, TERMINATED):
        return code
    raise RunError(f"this ended with exit code {code}: {shlex.join(['python', *arguments])}")

"""python -m keras_gen benchmark --quality: trains what a study compares, and prints its table."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from keras_gen.benchmarks.race import ROOT
from keras_gen.benchmarks.studies import STUDIES, Study, Trial, report
from keras_gen.cli.command import DONE, INTERRUPTED, TERMINATED, check_seed
from keras_gen.errors import InputError, RunError


def quality(names: list[str], seeds: list[int], out: Path, data_dir: str | None) -> int:
    """Train and measure what is not there yet, print the tables and write them to OUT/tables.md; return the exit code.

    Args:
        names: Of the studies.
        seeds: Each trial is run with each of them.
        out: Folder for the runs; one that was stopped goes on.
        data_dir: Where the data sets are looked for first.

    Raises:
        InputError: A seed is out of bounds, or the folder is a file.
        RunError: A run failed.
    """
    for seed in seeds:
        check_seed(seed)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder for the runs")
    data_dir = data_dir and str(Path(data_dir).absolute())
    lines = []
    for study in (STUDIES[name] for name in names):
        folders = {trial: [_folder(out, study, trial, seed) for seed in seeds] for trial in study.trials}
        for seed in seeds:  # all rows of a seed come first, so that a table of one seed is there early
            for trial in study.trials:
                code = _make(study, trial, seed, _folder(out, study, trial, seed), data_dir)
                if code != DONE:
                    return code
        table = report(study, folders)
        print("\n".join(["", *table]), flush=True)
        lines += [*table, ""]
    (out / "tables.md").write_text("\n".join(lines))
    return DONE


def _folder(out: Path, study: Study, trial: Trial, seed: int) -> Path:
    name = next(name for name, each in STUDIES.items() if each is study)
    return out / f"{name}-{trial.name}-seed-{seed}"


def _make(study: Study, trial: Trial, seed: int, run: Path, data_dir: str | None) -> int:
    """Do what one run still needs; return an exit code."""
    facts = json.loads((run / "run.json").read_text()) if (run / "run.json").exists() else {}
    if facts.get("status") != "finished":
        again = any((run / "checkpoints").glob("*.npz"))
        new = [*study.command(trial, seed, data_dir), "--out"]
        code = _python([*([new[0], "--resume"] if again else new), str(run)])
        if code != DONE:
            return code
    if study.validated or study.kind == "vae" or (run / "metrics.json").exists():
        return DONE
    return _python(["-m", "keras_gen", "evaluate", str(run)])


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
    if code in (DONE, INTERRUPTED, TERMINATED):
        return code
    raise RunError(f"this ended with exit code {code}: {shlex.join(['python', *arguments])}")

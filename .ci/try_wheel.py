"""Try wheels as a person has them who has no compiler and no Node: `python .ci/try_wheel.py dist/A.whl [ZOO.whl]`.

An environment is made, PyTorch is installed into it, and then the wheels, which is timed. What is tried finds no other
program than those of the environment. With `--seconds N`, more seconds of a processor than that are a failure: how long
they last hangs on what else the machine does.
"""

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
LEVELS = {"": "(avx|baseline)", "avx2": "(avx2|baseline)", "baseline": "baseline", "none": "none"}
"What is asked of STATEWISE_VECTOR_LEVEL on an x86-64 processor, and what `statewise doctor` must begin to say of it."
STUDIO_SECONDS = 60


class Environment:
    """A virtual environment in which nothing else can be found."""

    def __init__(self, folder: Path, constraints: str) -> None:
        self.constraints = constraints
        venv.create(folder / "env", with_pip=True)
        self.programs, self.folder = folder / "env" / SCRIPTS, folder
        self.alone = {"PATH": str(self.programs), "HOME": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        if "SYSTEMROOT" in os.environ:
            self.alone["SYSTEMROOT"] = os.environ["SYSTEMROOT"]

    def install(self, *what: str) -> float:
        """Install packages; return how many seconds a processor worked, and say that and how long it took."""
        began, worked = time.monotonic(), os.times()
        subprocess.run([str(self.programs / "python"), *PIP, "--constraint", self.constraints, *what], check=True)
        seconds, now = time.monotonic() - began, os.times()
        processor = now.children_user + now.children_system - worked.children_user - worked.children_system
        print(
            f"installed in {seconds:.1f} s, {processor:.1f} s of a processor: {' '.join(map(os.path.basename, what))}"
        )
        return processor

    def run(self, *words: str, level: str = "") -> str:
        """Return what a program of the environment prints; it must end well."""
        environment = {**self.alone, **({"STATEWISE_VECTOR_LEVEL": level} if level else {})}
        command = [str(self.programs / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def studio_answers(environment: Environment) -> str:
    """Open the studio, read its page and its list of runs, and close it; return what it said."""
    command = [str(environment.programs / "statewise"), "studio", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=environment.folder, env=environment.alone, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://\S+?(?=,|\s)", said)
        if not found:
            raise SystemExit(f"the studio did not say where it is: {said!r}")
        page = urllib.request.urlopen(found[0] + "/", timeout=STUDIO_SECONDS).read().decode()
        runs = urllib.request.urlopen(found[0] + "/studio/runs", timeout=STUDIO_SECONDS).read().decode()
        if "<title>" not in page or '"runs"' not in runs:
            raise SystemExit("the studio's page is not whole")
        return said
    finally:
        process.terminate()
        process.wait(STUDIO_SECONDS)


def tested(environment: Environment, paths: Sequence[str]) -> str:
    """Run tests of the repository against what is installed; return their last line."""
    environment.install("pytest", "hypothesis", "psutil")
    said = environment.run("python", "-c", "import statewise; print(statewise.__file__)")
    if str(environment.folder) not in said:
        raise SystemExit(f"what would be tested is not what was installed: {said}")
    whole = [str(ROOT / path) for path in paths]
    return environment.run(
        "python", "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *whole
    ).splitlines()[-1]


def tried(wheels: Sequence[str], constraints: str, most_seconds: float | None, tests: Sequence[str]) -> None:
    """Install and try; print what was seen. Raises `SystemExit` where anything is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="statewise-wheel-") as folder:
        environment = Environment(Path(folder), constraints)
        environment.install("torch", "numpy")
        ours, *others = wheels
        seconds = environment.install(f"{ours}[serve]", *others)
        print(environment.run("statewise", "--version"), end="")
        if "predict" not in environment.run("statewise", "--help"):
            raise SystemExit("the help names no commands")
        is_plain = "-none-any" in ours
        x86 = "x86_64" in sysconfig.get_platform() or "amd64" in sysconfig.get_platform()
        for level, wanted in LEVELS.items() if x86 and not is_plain else ():
            lines = environment.run("statewise", "doctor", level=level).splitlines()
            told = next(line for line in lines if line.startswith("native kernels"))
            print(f"STATEWISE_VECTOR_LEVEL={level or '(not set)'}: {told}")
            if not re.match(f"native kernels +{wanted}", told):
                raise SystemExit(f"kernels of another level were chosen: {told}")
        print(environment.run("statewise", "laws", "lstm", "gru").splitlines()[-1])
        if others:
            for level in ("", "none"):
                words = ("predict", "zoo:shakespeare", "ROMEO:", "--length", "60", "--seed", "1", "--quiet")
                print(environment.run("statewise", *words, level=level))
        print(studio_answers(environment), end="")
        if tests:
            print(tested(environment, tests))
        if most_seconds is not None and seconds > most_seconds:
            raise SystemExit(f"{seconds:.1f} s of a processor are more than {most_seconds:g} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", nargs="+", help="the wheel of statewise, then that of its zoo")
    parser.add_argument("--constraint", default=str(ROOT / "constraints.txt"))
    parser.add_argument("--seconds", type=float, help="so many seconds of a processor at most")
    parser.add_argument(
        "--tests", nargs="*", default=(), help="tests of the repository to run against what is installed"
    )
    given = parser.parse_args()
    tried(given.wheels, given.constraint, given.seconds, given.tests)

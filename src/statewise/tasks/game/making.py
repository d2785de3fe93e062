"""Environments by name: an id of Gymnasium, of a package that adds ids to it, or a function of yours."""

import difflib
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from statewise.errors import MissingExtra, UsageError
from statewise.tasks.game.faults import error_told
from statewise.tasks.game.teams.parallel import as_parallel, is_environment

INSTALL = "pip install 'statewise[game]'"
PACKAGES = {
    "popgym-": "popgym",
    "MiniGrid-": "minigrid",
    "BabyAI-": "minigrid",
    "Foraging-": "lbforaging",
    "ALE/": "ale_py",
}
"What ids of other packages begin with, and the package that adds them when it is imported."
ZOO = re.compile(r"(?P<package>magent2|mpe2|butterfly|classic)/(?P<module>[a-z][a-z0-9_]*_v\d+)")
"An environment of several agents, as `magent2/battle_v4`: a module of the package that has it."
MODULES = {
    "magent2": "magent2.environments",
    "mpe2": "mpe2",
    "butterfly": "pettingzoo.butterfly",
    "classic": "pettingzoo.classic",
}
FUNCTION = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)")
"A function that returns an environment, as `mygames.mazes:make`; an id of Gymnasium ends in a version."
VERSION = re.compile(r".*-v\d+$")


def gymnasium() -> Any:
    """Return the library of environments. Raises `MissingExtra` where it is not installed."""
    try:
        import gymnasium
    except ImportError:
        raise MissingExtra(f"a game needs gymnasium: {INSTALL}") from None
    return gymnasium


def is_function(name: str) -> bool:
    """Tell whether a name is that of a function and not an id.

    >>> is_function("mygames.mazes:make"), is_function("mygames:Maze-v0"), is_function("CartPole-v1")
    (True, False, False)
    """
    return bool(FUNCTION.fullmatch(name)) and not VERSION.fullmatch(name)


def maker_of(name: str) -> Callable[..., Any]:
    """Return what makes environments of a name: called with nothing, or with `render_mode` where it takes one.

    Raises `UsageError` for a name that is not known, with the nearest; `MissingExtra` for a package that is missing.
    """
    library = gymnasium()
    if is_function(name):
        return _function(name)
    zoo = ZOO.fullmatch(name)
    if zoo:
        return _function(_in_zoo(name, zoo["package"], zoo["module"]), name)
    _import_package(name)
    bare = name.partition(":")[2] if ":" in name else name
    if ":" not in name and bare not in library.registry:
        near = difflib.get_close_matches(bare, list(library.registry), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "give an id of Gymnasium, or module:function"
        raise UsageError(f"there is no environment {name!r}: {hint}")

    def make(**how: Any) -> Any:
        try:
            return as_parallel(name, library.make(name, disable_env_checker=True, **how))
        except library.error.DependencyNotInstalled as error:
            raise MissingExtra(f"{name} needs another package: {error_told(error)}") from None
        except (library.error.Error, ImportError, TypeError) as error:
            raise UsageError(f"{name} cannot be made: {error_told(error)}") from None

    return make


def _in_zoo(name: str, package: str, module: str) -> str:
    """Return the function that makes an environment of several agents, or the one in which they take turns."""
    top, whole = MODULES[package].split(".")[0], f"{MODULES[package]}.{module}"
    try:
        importlib.import_module(top)
    except ImportError:
        raise MissingExtra(f"{name} needs {top}: pip install {top}") from None
    try:
        found = importlib.import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:
            raise MissingExtra(f"{name} needs {error.name}: pip install {error.name}") from None
        known = [one.name for one in pkgutil.iter_modules(importlib.import_module(MODULES[package]).__path__)]
        near = difflib.get_close_matches(module, [one for one in known if ZOO.fullmatch(f"{package}/{one}")], n=1)
        hint = f"did you mean '{package}/{near[0]}'?" if near else f"{top} has no {module}"
        raise UsageError(f"there is no environment {name!r}: {hint}") from None
    return f"{whole}:{'parallel_env' if hasattr(found, 'parallel_env') else 'env'}"


def vector_of(name: str, size: int) -> Any:
    """Return so many environments of a name that step as one: the form of its own that an id has, or a function's.

    A function is given `num_envs`. Raises `UsageError` where there is none.
    """
    library = gymnasium()
    if is_function(name):
        made = _called(name)
        try:
            env = made(num_envs=size)
        except (Exception, SystemExit) as error:
            raise UsageError(f"{name} cannot be made of num_envs={size}: {error_told(error)}") from error
        if not isinstance(env, library.vector.VectorEnv) or env.num_envs != size:
            raise UsageError(f"{name} is to return a vector environment of {size}: it takes num_envs")
        return env
    maker_of(name)
    spec = library.spec(name)
    if spec.vector_entry_point is None:
        raise UsageError(f"{name} has no vector form of its own: leave out --vectorized")
    return library.make_vec(name, num_envs=size, vectorization_mode="vector_entry_point")


def _import_package(name: str) -> None:
    for prefix, package in PACKAGES.items():
        if name.startswith(prefix):
            try:
                importlib.import_module(package)
            except ImportError:
                raise MissingExtra(f"{name} needs {package}: pip install {package.replace('_', '-')}") from None


def _called(name: str) -> Any:
    """Return a function of a module, which is looked for in the folder of the command, too.

    What is called must be written in Python: a function, or a class of environments. Nothing else of a module is run.
    """
    module_name, _, called = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        here = Path.cwd() / module_name.split(".")[0]
        is_found = str(Path.cwd()) in sys.path
        if (
            is_found
            or error.name != module_name.split(".")[0]
            or not (here.is_dir() or here.with_suffix(".py").is_file())
        ):
            raise UsageError(f"there is no module {error.name} for {name}: install it, or go to its folder") from None
        sys.path.insert(0, str(Path.cwd()))
        return _called(name)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name} cannot be imported: {error_told(error)}") from error
    made: Any = getattr(module, called, None)
    if not (inspect.isfunction(made) or (inspect.isclass(made) and is_environment(made))):
        raise UsageError(
            f"{module_name} has no function {called} that makes an environment, and no class of that name that is one: "
            "give a function, or let the class be a gymnasium.Env, a pettingzoo.ParallelEnv or an AECEnv"
        )
    return made


def _function(function: str, name: str | None = None) -> Callable[..., Any]:
    """Return what makes an environment by a function; `name` is what it is called, if not so."""
    made, name = _called(function), name or function
    takes = inspect.signature(made).parameters
    is_shown = "render_mode" in takes or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())

    def make(**how: Any) -> Any:
        given = {key: value for key, value in how.items() if key != "render_mode" or is_shown}
        try:
            made_now = made(**given)
        except (Exception, SystemExit) as error:
            raise UsageError(f"{name} cannot be made: {error_told(error)}") from error
        if not is_environment(made_now):
            raise UsageError(
                f"{name} returns a {type(made_now).__name__}: it is to return an environment of Gymnasium or PettingZoo"
            )
        return as_parallel(name, made_now)

    return make

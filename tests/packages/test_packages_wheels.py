"""Each package is built, installed into an environment of its own, and does there what its README shows."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(file.parent for file in PROJECT.glob("packages/*/pyproject.toml"))
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Named(ResourceProvider):
    def create(self, props):
        return CreateResult(id_="one", outs=props)


class Shop(Resource):
    name: pulumi.Output[str]

    def __init__(self):
        super().__init__(Named(), "shop", {"name": "shop"})


pulumi.export("name", Shop().name)
"""


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _installed(package: Path, folder: Path) -> str:
    """Build the wheel and install it; the Python of an environment that has it, and what else this one has."""
    _run(package, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels"))
    (wheel,) = (folder / "wheels").iterdir()
    environment, python = folder / "environment", str(folder / "environment/bin/python")
    _run(folder, uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(environment))
    _run(
        folder, uv.find_uv_bin(), "pip", "install", "--quiet", "--no-index", "--no-deps", "--python", python, str(wheel)
    )
    (site,) = environment.glob("lib/python*/site-packages")
    # What a .pth names is searched, but its own .pth files are not read: so the dependencies are found, and not these
    # packages as they lie in this repository.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _imported(file: Path) -> set[str]:
    """The top names of what a file imports from elsewhere, where that is not only for its types."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_declares_what_it_imports(package: Path) -> None:
    """Whoever installs the wheel gets everything that its modules load, and nothing that they do not."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *itertools.chain(*project.get("optional-dependencies", {}).values())]
    declared = {canonicalize_name(Requirement(one).name) for one in listed}
    known = packages_distributions()
    imported = set().union(*map(_imported, package.glob("src/**/*.py"))) - {package.name.replace("-", "_")}
    needed = {name: {canonicalize_name(one) for one in known.get(name, [name])} for name in imported}
    assert {name for name, distributions in needed.items() if not distributions & declared} == set()
    assert declared <= set().union(*needed.values())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_wheel_does_what_its_readme_shows(package: Path, tmp_path: Path) -> None:
    """The blocks with fixtures are a conftest.py, those with tests are run; nothing of this repository is near."""
    python, elsewhere = _installed(package, tmp_path), tmp_path / "elsewhere"
    (elsewhere / "infra").mkdir(parents=True)
    (elsewhere / "infra/Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (elsewhere / "infra/__main__.py").write_text(PROGRAM)
    blocks = PYTHON_BLOCK.findall((package / "README.md").read_text())
    (elsewhere / "conftest.py").write_text("".join(block for block in blocks if "@pytest.fixture" in block))
    shown = [block for block in blocks if "def test_" in block]
    for number, block in enumerate(shown):
        (elsewhere / f"test_{number}.py").write_text(block)
    told = _run(elsewhere, python, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", ".")
    assert f"{len(shown)} passed" in told
    module = package.name.replace("-", "_")
    place = _run(elsewhere, python, "-I", "-c", f"import {module}; print({module}.__file__)")
    assert Path(place.strip()).is_relative_to(tmp_path)

"""Which rooms may import which."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("keras_slr", "keras_slr_base", "tflite_export")

pytestmark = pytest.mark.once("reads the sources")


def _modules():
    """Returns the syntax trees of all modules, by dotted name."""
    paths = [p for name in PACKAGES for p in (ROOT / name).rglob("*.py")]
    return {_name(path): ast.parse(path.read_text()) for path in paths}


def _name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = _modules()


def _imported(tree):
    """Yields the modules that a module imports, lazily or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                yield longer if longer in MODULES else node.module


IMPORTS = {name: set(_imported(tree)) for name, tree in MODULES.items()}


def _arrows(sources, target):
    """Returns the imports of a package, as pairs, by modules with a prefix."""
    return [
        (name, imported)
        for name, all_imported in IMPORTS.items()
        for imported in all_imported
        if f"{name}.".startswith(tuple(f"{s}." for s in sources))
        and f"{imported}.".startswith(f"{target}.")
    ]


def test_keras_slr_uses_tflite_export_in_its_commands_only():
    arrows = _arrows(["keras_slr"], "tflite_export")
    assert {name.split(".")[1] for name, _ in arrows} <= {"commands"}


def test_the_base_uses_neither_package():
    for package in ("keras_slr", "tflite_export"):
        assert not _arrows(["keras_slr_base"], package)


def test_models_and_their_description_need_no_training():
    rooms = (
        "allocation backend files grids models planning plots projections "
        "reports schedules selection shrinking solvers structures"
    )
    rooms = [f"keras_slr.{room}" for room in rooms.split()]
    assert not _arrows(rooms, "keras_slr.training")
    assert not _arrows(rooms, "keras_slr.callbacks")


def test_no_module_imports_itself_by_way_of_others():
    done, circles = set(), []

    def visit(name, path):
        if name in path:
            circles.append([*path[path.index(name) :], name])
        elif name not in done:
            for imported in sorted(IMPORTS[name]):
                visit(imported, [*path, name])
            done.add(name)

    for name in MODULES:
        visit(name, [])
    assert not circles


def test_modules_and_classes_are_small():
    for name, tree in MODULES.items():
        assert (tree.body[-1].end_lineno if tree.body else 0) <= 400, name
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                methods = [
                    each
                    for each in node.body
                    if isinstance(each, ast.FunctionDef)
                ]
                assert len(methods) <= 25, f"{name}.{node.name}"

"""What import-linter cannot see: string foreign keys, model look-ups by name, clocks and chance in rules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("accounts", "ledger", "storage", "wallet", "mobile_api", "interop", "oversight")
PURE = (
    "ledger/types",
    "ledger/consensus",
    "ledger/machine",
    "ledger/light/predicates.py",
    "storage/core",
    "wallet/core",
)
# Modules that would let a rule see the clock, chance or the outside; credentials go through didkit's runtime.
FORBIDDEN_IN_RULES = {"time", "random", "secrets", "socket", "os", "subprocess", "threading"}
FORBIDDEN_CALLS = {
    "now",
    "utcnow",
    "today",
    "urandom",
    "token_bytes",
    "generate",
    "random",
    "time",
    "monotonic",
}


def python_files(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_no_foreign_key_crosses_an_app() -> None:
    crossing = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.concrete
        and field.related_model is not None
        and field.related_model._meta.app_label not in (app, "auth", "contenttypes")
    ]
    assert crossing == []


def test_no_app_looks_up_another_apps_models_by_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files(*OURS)
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("get_model", "get_registered_model")
    ]
    assert found == []


def test_an_app_is_entered_by_its_door_only() -> None:
    """`from wallet.selectors import x` in another app would make every file of wallet a promise."""
    inside = []
    for path in python_files("salus", *OURS):
        app = path.relative_to(ROOT).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                other, _, rest = node.module.partition(".")
                if other in OURS and other != app and rest != "api" and (rest or _names(node) != {"api"}):
                    inside.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.module}")
    assert inside == []


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


@pytest.mark.parametrize("place", PURE)
def test_rules_see_neither_clock_nor_chance_nor_the_outside(place: str) -> None:
    found = []
    for path in python_files(place):
        for node in ast.walk(ast.parse(path.read_text())):
            found += [f"{path.relative_to(ROOT)}:{node.lineno} {what}" for what in _impurities(node)]
    assert found == []


def _impurities(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_IN_RULES)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_IN_RULES:
        yield node.module or ""
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in FORBIDDEN_CALLS:
            yield f"call of {node.func.attr}()"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print"):
        yield f"call of {node.func.id}()"


def test_the_project_speaks_only_of_itself() -> None:
    """No machine's paths in what a stranger reads."""
    suffixes = {".py", ".md", ".js", ".html", ".toml", ".txt", ".sh"}
    needles = tuple(
        "/".join(("", *parts)) for parts in (("work", "main"), ("root", ".pyenv"), ("tmp", "bash_jobs"))
    )
    found = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if path.suffix in suffixes
        and not {".venv", "var", "node_modules", ".tools", ".git"} & set(path.relative_to(ROOT).parts)
        and any(needle in path.read_text(errors="replace") for needle in needles)
    ]
    assert found == []

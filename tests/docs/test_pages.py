"""Pages agree with the source: roles, keys, commands, settings, paths and examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from redact.cli.app import app
from redact.detect import registry_file
from redact.disclose.policy.policies import list_policies, load_policy, parse_policy
from redact.disclose.policy.reason_codes import ReleaseKind, list_codes, load_codes, parse_codes
from redact.disclose.release import decision_json, details
from redact.environment import VARIABLES
from redact.records.accounts import Role
from redact.retention import rules
from redact.server import oidc_file
from redact.strict_toml import Table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *ROOT.glob("*.md"), ROOT / "models/README.md", ROOT / "ui/README.md"]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str, head: str) -> list[tuple[str, str]]:
    """The rows of the table with this header."""
    _, _, after = text.partition(f"{head}\n|---|---|\n")
    table, _, _ = after.partition("\n\n")
    return re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)


def example(text: str, title: str) -> str:
    """The code block with this title."""
    found = re.search(rf'```\w+ title="{re.escape(title)}"\n(.*?)```', text, re.DOTALL)
    assert found, title
    return found[1]


def test_roles_match_accounts() -> None:
    assert [name for name, _ in rows(page("administration.md"), "| Role | May |")] == [role.value for role in Role]


def test_reviewer_keys_match_script() -> None:
    (script,) = (ROOT / "ui/redact_ui/static/review").rglob("keys.js")
    text = script.read_text(encoding="utf-8")
    actions = {key: what.lower() for key, what in re.findall(r'^  \["([^"]+)", "[^"]+", "([^"]+)"', text, re.MULTILINE)}
    listed = rows(page("reviewer.md"), "| Key | Action |")
    assert len(listed) > 8
    for keys, what in listed:
        assert ", ".join(actions[key] for key in keys.split(", ")) == what.lower()


def commands(group: object, path: str) -> Iterator[tuple[str, str]]:
    """Every command under ``group``, as the group's name and its own."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield path, name


def test_commands_are_all_listed() -> None:
    listed: set[tuple[str, str]] = set()
    for line in re.findall(r"^    redact ([a-z| -]+)", page("commands.md"), re.MULTILINE):
        first, second = (*line.split(), "")[:2]
        listed |= {("redact", first)} | {(f"redact {first}", name) for name in second.split("|")}
    assert set(commands(typer.main.get_command(app), "redact")) - listed == set()


class Keys:
    """The keys that parsers read from tables, present or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: set[str] = set()
        take, contains = Table.take, Table.__contains__

        def taking(table: Table, key: str) -> object:
            self.asked.add(key)
            return take(table, key)

        def containing(table: Table, key: str) -> bool:
            self.asked.add(key)
            return contains(table, key)

        monkeypatch.setattr(Table, "take", taking)
        monkeypatch.setattr(Table, "__contains__", containing)

    def missing_from(self, text: str, *tables: str) -> set[str]:
        """``tables`` are keys with a table, named in headings or running text as ``[key``."""
        return {key for key in self.asked if f"`{key}`" not in text and not (key in tables and f"[{key}" in text)}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(monkeypatch)


def test_policy_keys_are_documented(keys: Keys) -> None:
    text = page("policies.md")
    for name in list_policies():
        load_policy(name)
    parse_policy(example(text, "policies/northshire-court.toml").encode(), "x", "the page", load_codes)
    assert "watermark" in keys.asked
    names = {"face", "plate", "text", *load_codes().by_id}
    tables = ("class", "code", "other", "sound", "slate", "output", "log", "approval")
    assert keys.missing_from(text, *tables) - names == set()


def test_reason_code_keys_are_documented(keys: Keys) -> None:
    text = page("policies.md")
    ids = {id_ for name in list_codes() for id_ in load_codes(name).by_id}
    ids |= set(parse_codes(example(text, "codes/northshire.toml").encode(), "x", "the page").by_id)
    assert keys.missing_from(text, "code") - ids == set()


def test_retention_keys_are_documented(keys: Keys) -> None:
    text = page("policies.md")
    parsed = rules.parse(example(text, "retention.toml").encode(), "the page")
    assert keys.missing_from(text, "class", "after-case") - set(parsed.classes) == set()


def test_sign_in_keys_are_documented(keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page("administration.md")
    monkeypatch.setenv("REDACT_HOME", str(tmp_path))
    for name, content in ((oidc_file.FILE, example(text, "oidc.toml")), ("oidc-secret", "secret\n")):
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    assert oidc_file.load_provider() is not None
    assert keys.missing_from(text, "group") == set()


def test_registry_keys_are_documented(keys: Keys) -> None:
    text = (ROOT / "models/README.md").read_text(encoding="utf-8")
    shipped = (ROOT / "models/redact_models/registry.toml").read_text(encoding="utf-8")
    parsed = registry_file.parse(shipped, "the page", None)
    names = {model.name for model in parsed.models} | {cls for model in parsed.models for cls in model.classes}
    tables = ("model", "preset", "own")
    assert "between" in keys.asked
    assert keys.missing_from(text, *tables) - names <= {"fast", "balanced", "thorough", *(f.value for f in parsed.own)}


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Names of a model's fields, and of the models in them."""
    for name, field in model.model_fields.items():
        yield name
        for inner in re.findall(r"redact[\w.]+\.(\w+)", str(field.annotation)):
            found = getattr(details, inner, None)
            if isinstance(found, type) and issubclass(found, BaseModel):
                yield from fields(found)


def test_release_details_are_documented() -> None:
    text = page("decisions.md")
    names = set(fields(details.Details))
    assert {"factors_against", "mg6d_reference", "checked_on"} <= names
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("court-details.json", ReleaseKind.COURT),
        ("foi-details.json", ReleaseKind.PUBLIC),
        ("subject-access-details.json", ReleaseKind.SUBJECT_ACCESS),
    ],
)
def test_release_details_examples_are_valid(title: str, kind: ReleaseKind) -> None:
    given = json.loads(example(page("decisions.md"), title))
    assert details.check(kind, given) == given
    assert set(given) >= set(details.OF_KIND[kind]) - {"review"}


def test_decision_example_is_valid() -> None:
    given = json.loads(example(page("decisions.md"), "decision"))
    assert decision_json.written(decision_json.read(given, "footage")) == given
    assert {f"`{key}`" for key in given if f"`{key}`" not in page("decisions.md")} == set()


def test_paths_named_in_pages_exist() -> None:
    named = {
        (path.name, name)
        for path in PAGES
        for name in re.findall(r"`((?:redact|ui|models|tests)/[\w./-]+)`", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 60
    dead = {(at, name) for at, name in named if not (ROOT / name).exists()}
    assert dead <= {("README.md", "models/registry.toml")}  # of the home folder


def test_links_between_files_exist() -> None:
    dead = {
        (str(path.relative_to(ROOT)), link)
        for path in (*PAGES, ROOT / "redact/track/FORMAT.md")
        for link in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
        if not (path.parent / link).exists()
    }
    assert dead == set()


def test_packages_are_all_in_architecture() -> None:
    text = page("architecture.md")
    packages = [path.parent.name for path in (ROOT / "redact").glob("*/__init__.py")]
    assert [name for name in packages if f"`redact/{name}/`" not in text] == []


def test_variables_of_the_tests_are_documented() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(REDACT_[A-Z_]+)", text, re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in (*(ROOT / "tests").rglob("*.py"), ROOT / ".ci/run")]
    named = {name for text in texts for name in re.findall(r"\bREDACT_[A-Z_]*[A-Z]\b", text)}
    assert named - {variable.name for variable in VARIABLES} == table


def test_pages_named_in_source_exist() -> None:
    named = {
        (str(path.relative_to(ROOT)), page)
        for folder in ("redact", "ui", "models")
        for path in (ROOT / folder).rglob("*.py")
        for page in re.findall(r"\b(docs/[\w-]+\.md|README|models/README\.md)", path.read_text(encoding="utf-8"))
    }
    assert {(path, page) for path, page in named if not (ROOT / page).is_file()} == set()

"""Packages that cannot be read: each fault by file and field, all at once, and never a crash (C-107)."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperclip.portability import archives, files, markup, planning, reading
from paperclip.portability.faults import Fault, Findings
from paperclip.portability.planning import Options, Present

BASE = {"COMPANY.md": "---\nname: Small\n---\n", "agents/dev/AGENTS.md": "---\nname: Dev\n---\n"}


def errors_of(sent) -> list[str]:
    findings = Findings()
    found = files.of_wire(sent, findings)
    package = reading.package_of(found, findings)
    options = Options(None, new_name="Copy", parts=("company", "agents", "projects", "issues", "skills"))
    return list(
        planning.decide(
            package, found, options, Present(), errors=findings.errors, warnings=findings.warnings
        ).errors
    )


def test_small_package_is_fine():
    assert errors_of(BASE) == []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        pytest.param({"../x.md": "a"}, "'../x.md': must be a plain relative path", id="C-107 leads out"),
        pytest.param({"/etc/passwd": "a"}, "must be a plain relative path", id="C-107 absolute"),
        pytest.param({"a\\..\\b": "a"}, "must be a plain relative path", id="C-107 backslash"),
        pytest.param({"a//b": "a"}, "must be a plain relative path", id="C-107 empty part"),
        pytest.param({"a\x00b": "a"}, "must be a plain relative path", id="C-107 NUL in a path"),
        pytest.param({"\ud800": "a"}, "must be a plain relative path", id="C-107 half a character"),
        pytest.param({"a.md": 3}, "a.md: must be a text or", id="C-107 number for a file"),
        pytest.param(
            {"a.md": {"encoding": "hex", "data": ""}}, "a.md: must be a text or", id="C-107 encoding"
        ),
        pytest.param(
            {"a.png": {"encoding": "base64", "data": "?"}},
            "a.png: data: is no valid base64",
            id="C-107 base64",
        ),
        pytest.param({"Agents/dev/agents.md": "x"}, "is there twice", id="C-107 same name in another case"),
        pytest.param(
            {"big.md": "x" * (files.MAX_FILE_BYTES + 1)}, "big.md: is larger than", id="C-107 large file"
        ),
        pytest.param(
            {"agents/x/AGENTS.md": {"encoding": "base64", "data": "/w=="}},
            "is no text in UTF-8",
            id="C-107 no UTF-8",
        ),
        pytest.param({"agents/x/AGENTS.md": "---\nname: a\x00\n---\n"}, "NUL", id="C-107 NUL in a text"),
        pytest.param(
            {"agents/x/AGENTS.md": "hello"}, "agents/x/AGENTS.md: name: is missing", id="C-107 no name"
        ),
        pytest.param(
            {"agents/x/AGENTS.md": "---\nname: [a]\n---\n"}, "name: must be a text", id="C-107 name"
        ),
        pytest.param(
            {"agents/x/AGENTS.md": f"---\nname: {'a' * 201}\n---\n"}, "longer than 200", id="C-107 long name"
        ),
        pytest.param({"agents/x y/AGENTS.md": "---\nname: a\n---\n"}, "is no slug", id="C-107 slug"),
        pytest.param(
            {".paperclip.yaml": "agents: 3"}, ".paperclip.yaml: agents: must be an object", id="C-107 agents"
        ),
        pytest.param({".paperclip.yaml": "agents: {dev: 3}"}, "is no object", id="C-107 agent"),
        pytest.param(
            {".paperclip.yaml": "agents: {dev: {budgetMonthlyCents: 99999999999999999}}"},
            "agents/dev/AGENTS.md: budgetMonthlyCents: must be a whole number from 0",
            id="C-107 huge number",
        ),
        pytest.param(
            {".paperclip.yaml": "agents: {dev: {adapter: {type: magic}}}"},
            "adapter: type: is 'magic'",
            id="C-54 adapter",
        ),
        pytest.param(
            {".paperclip.yaml": "agents: {dev: {inputs: {env: {'A B': {}}}}}"},
            "inputs.env",
            id="C-100 variable",
        ),
        pytest.param(
            {".paperclip.yaml": "a: &a [*a]"}, ".paperclip.yaml: anchors and aliases", id="C-107 alias"
        ),
        pytest.param({".paperclip.yaml": "a: !!python/name:os.system"}, "tags are not taken", id="C-107 tag"),
        pytest.param({".paperclip.yaml": "a: " + "[" * 40 + "]" * 40}, "nested deeper", id="C-107 depth"),
        pytest.param(
            {".paperclip.yaml": "agents:\n  dev: {}\n  dev: {}\n"}, "says 'dev' twice", id="C-107 twice"
        ),
        pytest.param(
            {".paperclip.yaml": "", ".paperclip.yml": ""}, "second sidecar", id="C-107 two sidecars"
        ),
        pytest.param(
            {"tasks/a/TASK.md": "---\nname: a\n---\n", "projects/p/tasks/a/TASK.md": "---\nname: a\n---\n"},
            "the slug a is taken by",
            id="C-107 two tasks of a slug",
        ),
        pytest.param(
            {"agents/dev/AGENTS.md": "---\nname: Dev\nreportsTo: dev\n---\n"},
            "agents/dev: reportsTo: goes in a circle: dev reports to dev",
            id="C-56 circle of managers",
        ),
        pytest.param(
            {
                "tasks/a/TASK.md": "---\nname: a\nblockedBy: [b]\n---\n",
                "tasks/b/TASK.md": "---\nname: b\nblockedBy: [a]\n---\n",
            },
            "tasks/a: blockedBy: goes in a circle: a waits for b waits for a",
            id="I-81 circle of blockers",
        ),
        pytest.param(
            {
                "tasks/a/TASK.md": "---\nname: a\nrecurring: true\ntriggers: [{cronExpression: '61 * * * *'}]\n---\n"
            },
            "cronExpression",
            id="R-49 schedule",
        ),
        pytest.param(
            {"projects/p/PROJECT.md": "---\nname: p\ntargetDate: 2026-02-30\n---\n"},
            "must be a date",
            id="C-65 date",
        ),
        pytest.param(
            {".paperclip.yaml": "company: {logo: images/x.png}"}, "is not in the package", id="C-31 logo"
        ),
    ],
)
def test_fault_is_told_by_file_and_field(sent, said):
    told = errors_of(BASE | sent)
    assert any(said in error for error in told), told


def test_all_faults_are_told_at_once():
    told = errors_of(
        {"agents/a/AGENTS.md": "", "agents/b/AGENTS.md": "---\nname: b\nrole: x\n---\n", "/x": ""}
    )
    assert len(told) == 3


def test_package_of_nothing_says_so():
    assert errors_of({"notes.txt": "hello"}) == ["The package holds no COMPANY.md, agents, projects or tasks"]


def test_one_folder_around_everything_does_not_matter():
    assert errors_of({f"small-main/{path}": text for path, text in BASE.items()}) == []


def packed(entries) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    out.seek(0)
    return out


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("file", "said"),
    [
        pytest.param(io.BytesIO(b"no archive"), "is no readable zip file", id="C-107 no zip"),
        pytest.param(packed([("../../x.md", "a")]), "must be a plain relative path", id="C-107 zip slip"),
        pytest.param(packed([(link("agents"), "/etc")]), "is a link", id="C-107 link"),
        pytest.param(
            packed([("a.md", b"0" * (files.MAX_FILE_BYTES + 1))]), "is larger than", id="C-107 zip bomb"
        ),
        pytest.param(
            packed([(f"{number}.md", b"0" * files.MAX_FILE_BYTES) for number in range(9)]),
            "larger than",
            id="C-107 many",
        ),
        pytest.param(
            io.BytesIO(packed([("a.md", "a")]).getvalue()[:-30]), "is no readable zip", id="C-107 cut off"
        ),
    ],
)
def test_archive_that_cannot_be_taken_says_why(file, said):
    findings = Findings()
    archives.read_zip(file, findings)
    assert any(said in error for error in findings.errors), findings.errors


def test_folder_is_read_and_links_in_it_are_not_followed(tmp_path):
    archives.write_folder(tmp_path / "out", BASE)
    (tmp_path / "out" / "passwords").symlink_to("/etc/passwd")
    findings = Findings()
    assert archives.read_folder(tmp_path / "out", findings) == BASE
    assert findings.errors == ["passwords: is a link; links are not followed"]


ODD = st.text(max_size=60)
PATHS = st.sampled_from([*BASE, ".paperclip.yaml", "tasks/a/TASK.md", "x"]) | ODD
LINES = st.lists(
    st.sampled_from(["name: a", "role: x", "- b", "---", "{", "[", "a: &b", "!!set", "'", '"', "? ", "\t"])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.dictionaries(PATHS, ODD | st.integers()), lines=LINES)
def test_no_package_breaks_the_reader(sent, lines):
    told = errors_of(sent | {".paperclip.yaml": "\n".join(lines)})
    assert all(isinstance(error, str) for error in told)


TEXTS = st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"))
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(values=st.dictionaries(TEXTS, JSONS), body=TEXTS)
def test_what_is_written_is_read_the_same(values, body):
    text = markup.joined(values, body)
    assert markup.split(text, "x.md") == (values, body)
    assert markup.joined(values, body) == text


def test_a_file_is_what_its_head_says_even_with_windows_lines():
    assert markup.split("\ufeff---\r\nname: a\r\n---\r\n\r\nbody\r\n", "x.md") == ({"name": "a"}, "body\r\n")


def test_yaml_that_is_no_object_is_a_fault():
    with pytest.raises(Fault, match=r"x\.yaml: must be an object"):
        markup.load("- a", "x.yaml")

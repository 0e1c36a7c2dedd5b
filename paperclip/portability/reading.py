"""A package read from its files. Whatever is wrong is told by file and field, all at once (C-107).

A thing's own file and its entry in the sidecar are one description, of which the file has the last word. A file
alone is enough: packages written by hand need no sidecar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from paperclip.companies import bindings, skills
from paperclip.companies.choices import (
    ADAPTER_TYPES,
    AGENT_ICONS,
    AgentRole,
    GoalLevel,
    GoalStatus,
    ProjectStatus,
)
from paperclip.core.errors import Refusal
from paperclip.portability import files as package_files
from paperclip.portability import markup, secrecy, work, writing
from paperclip.portability.choices import InputKind
from paperclip.portability.faults import Fault, Findings
from paperclip.portability.shapes import (
    AgentPart,
    CompanyPart,
    EnvInput,
    Files,
    GoalPart,
    IssuePart,
    Logo,
    Package,
    ProjectPart,
    RoutinePart,
    SkillPart,
)
from paperclip.portability.sheets import BODY, Sheet
from workspaces.inputs import ProjectWorkspaceIn

_Part = TypeVar("_Part", AgentPart, ProjectPart, IssuePart, RoutinePart)

MAX_AGENTS = 500
MAX_PROJECTS = 500
MAX_TASKS = 5_000

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_SIDECARS = (writing.SIDECAR, ".paperclip.yml")
_AGENT = re.compile(r"agents/([^/]+)/AGENTS\.md")
_PROJECT = re.compile(r"projects/([^/]+)/PROJECT\.md")
_TASK = re.compile(r"(?:projects/([^/]+)/)?tasks/([^/]+)/TASK\.md")
_SKILL = re.compile(r"skills/(?:.+/)?([^/]+)/SKILL\.md")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SETTING_BOUNDS = {
    "budgetMonthlyCents": (0, 2**53 - 1),
    "attachmentMaxBytes": (1, 1_073_741_824),
    "maxConcurrentRuns": (1, 10_000),
}


def package_of(files: Files, findings: Findings) -> Package:
    """Return what the files of a package say; what is wrong with them is noted in `findings`."""
    return _Reading(files, findings).whole()


class _Reading:
    """One pass over the files of a package."""

    def __init__(self, files: Files, findings: Findings) -> None:
        self.files, self.findings = files, findings
        self.inputs: list[EnvInput] = []
        self.sidecar = Sheet(writing.SIDECAR, self._sidecar())

    def whole(self) -> Package:
        """Read everything there is."""
        agents = self._all(_AGENT, "agents", self._agent, most=MAX_AGENTS)
        projects = self._all(_PROJECT, "projects", self._project, most=MAX_PROJECTS)
        tasks = self._tasks()
        package = Package(
            company=self._company(),
            goals=self._goals(),
            labels=self._labels(),
            agents=agents,
            projects=projects,
            issues=tuple(each for each in tasks if isinstance(each, IssuePart)),
            routines=tuple(each for each in tasks if isinstance(each, RoutinePart)),
            skills=self._skills(),
            env_inputs=tuple(self.inputs),
            sidebar=self._sidebar(),
        )
        if not (package.company or package.agents or package.projects or tasks or self.findings.errors):
            self.findings.errors.append("The package holds no COMPANY.md, agents, projects or tasks")
        return package

    def _sidecar(self) -> dict[str, Any]:
        present = [path for path in _SIDECARS if path in self.files]
        if len(present) > 1:
            self.findings.errors.append(f"{present[1]}: is a second sidecar beside {present[0]}")
        for path in present[:1]:
            with self.findings.noted():
                values = markup.load(package_files.text_of(self.files, path), path)
                schema = values.get("schema")
                if schema is not None and not isinstance(schema, str):
                    raise Fault(path, "must be a text", name="schema")
                return values
        return {}

    def _all(
        self, pattern: re.Pattern[str], kind: str, read: Callable[[str, Sheet, str], _Part], *, most: int
    ) -> tuple[_Part, ...]:
        """Read each thing of a kind that has a file, in the order of the sidecar and then by path."""
        found = {match[1]: path for path in sorted(self.files) if (match := pattern.fullmatch(path))}
        if len(found) > most:
            self.findings.errors.append(f"{kind}: there are {len(found)}; a package has at most {most}")
            return ()
        extras = self._section(kind)
        self._warn_of_strays(kind, extras, found)
        parts: list[_Part] = []
        for slug in sorted(found, key=_order(extras)):
            with self.findings.noted():
                parts.append(self._one(slug, found[slug], extras.get(slug), read))
        return tuple(parts)

    def _one(self, slug: str, path: str, extra: Any, read: Callable[[str, Sheet, str], _Part]) -> _Part:
        if not _SLUG.fullmatch(slug):
            raise Fault(path, "stands in a folder whose name is no slug: letters, digits, dots, dashes")
        head, body = markup.split(package_files.text_of(self.files, path), path)
        if len(body) > BODY:
            raise Fault(path, f"says more than {BODY} characters")
        return read(slug, Sheet(path, _entry(path, extra) | head), body)

    def _section(self, kind: str) -> dict[str, Any]:
        with self.findings.noted():
            return self.sidecar.object(kind)
        return {}

    def _warn_of_strays(self, kind: str, extras: Mapping[str, Any], found: Mapping[str, str]) -> None:
        for slug in extras:
            if slug not in found:
                self.findings.warnings.append(
                    f"{writing.SIDECAR}: {kind}.{slug[:80]} has no file and is passed over"
                )

    # --- Company, goals, labels --------------------------------------------------------------------------

    def _company(self) -> CompanyPart | None:
        if writing.COMPANY_FILE not in self.files:
            return None
        with self.findings.noted():
            head, body = markup.split(
                package_files.text_of(self.files, writing.COMPANY_FILE), writing.COMPANY_FILE
            )
            sheet = Sheet(writing.COMPANY_FILE, self.sidecar.object("company") | head)
            name = sheet.text("name", most=200)
            if name is None or not name.strip():
                raise sheet.fault("name", "is missing")
            color = sheet.text("brandColor")
            if color is not None and not _COLOR.fullmatch(color):
                raise sheet.fault("brandColor", "must be a colour such as #1a2b3c")
            return CompanyPart(
                name=name,
                description=(body or sheet.text("description", most=100_000)) or None,
                brand_color=color,
                settings=self._settings(sheet.sheet("settings")),
                logo=self._logo(sheet),
            )
        return None

    def _settings(self, sheet: Sheet) -> dict[str, Any]:
        settings: dict[str, Any] = {
            name: sheet.number(name, least=least, most=most)
            for name, (least, most) in _SETTING_BOUNDS.items()
        }
        name = "requireBoardApprovalForNewAgents"
        settings[name] = sheet.flag(name)
        return {name: value for name, value in settings.items() if value is not None}

    def _logo(self, sheet: Sheet) -> Logo | None:
        path = sheet.text("logo")
        if path is None:
            return None
        if path not in self.files:
            raise sheet.fault("logo", f"names {path[:80]!r}, which is not in the package")
        return Logo(path, package_files.to_bytes(self.files[path]), package_files.type_of(path))

    def _goals(self) -> tuple[GoalPart, ...]:
        goals: list[GoalPart] = []
        for slug, extra in self._section("goals").items():
            with self.findings.noted():
                path = f"{writing.SIDECAR}: goals.{slug[:80]}"
                sheet = Sheet(path, _entry(path, extra))
                goals.append(
                    GoalPart(
                        slug=slug,
                        title=sheet.required("title", 1_000),
                        description=sheet.text("description", most=100_000),
                        level=sheet.word("level", GoalLevel.values, GoalLevel.TASK.value),
                        status=sheet.word("status", GoalStatus.values, GoalStatus.PLANNED.value),
                        parent=sheet.text("parent"),
                        owner=sheet.text("owner"),
                    )
                )
        return tuple(goals)

    def _labels(self) -> dict[str, str]:
        labels: dict[str, str] = {}
        for name, color in self._section("labels").items():
            if not isinstance(color, str) or not _COLOR.fullmatch(color) or not 1 <= len(name) <= 48:
                self.findings.errors.append(
                    f"{writing.SIDECAR}: labels.{name[:48]}: must be a short name with a colour such as #1a2b3c"
                )
                continue
            labels[name] = color
        return labels

    # --- Agents ------------------------------------------------------------------------------------------

    def _agent(self, slug: str, sheet: Sheet, body: str) -> AgentPart:
        adapter = sheet.sheet("adapter")
        instructions = sheet.object("instructions")
        entry, texts = self._instructions(slug, sheet, body, is_said="entryFile" in instructions)
        runtime = sheet.object("runtime")
        if not isinstance(runtime.get("heartbeat", {}), dict):
            raise sheet.fault("runtime.heartbeat", "must be an object")
        self._ask(sheet, agent_slug=slug)
        return AgentPart(
            slug=slug,
            name=sheet.required("name", 200),
            path=sheet.path,
            title=sheet.text("title"),
            role=sheet.word("role", AgentRole.values, AgentRole.GENERAL.value),
            icon=sheet.word("icon", AGENT_ICONS, "") or None,
            capabilities=sheet.text("capabilities", most=100_000),
            reports_to=sheet.text("reportsTo"),
            skills=sheet.texts("skills"),
            adapter_type=adapter.word("type", ADAPTER_TYPES, "process"),
            adapter_config=_config(adapter, "config"),
            runtime_config=runtime,
            can_create_agents=sheet.sheet("permissions").flag("canCreateAgents"),
            budget_monthly_cents=sheet.number("budgetMonthlyCents") or 0,
            metadata=sheet.object("metadata") or None,
            entry_file=entry,
            files=texts,
        )

    def _instructions(
        self, slug: str, sheet: Sheet, body: str, *, is_said: bool
    ) -> tuple[str | None, dict[str, str]]:
        """Return the entry file and the texts beside it: whatever stands in the agent's folder."""
        folder = sheet.path.rpartition("/")[0]
        beside = {
            name: package_files.text_of(self.files, f"{folder}/{name}")
            for name in package_files.below(self.files, folder)
            if name != writing.AGENT_FILE
        }
        if not is_said and not body.strip() and not beside:
            return None, {}
        entry = sheet.sheet("instructions").text("entryFile", most=400) or writing.AGENT_FILE
        package_files.place(entry)
        if entry in beside:
            raise sheet.fault("instructions.entryFile", f"{entry} is there as a file of its own too")
        return entry, {entry: body, **beside}

    # --- Projects ----------------------------------------------------------------------------------------

    def _project(self, slug: str, sheet: Sheet, body: str) -> ProjectPart:
        self._ask(sheet, project_slug=slug)
        return ProjectPart(
            slug=slug,
            name=sheet.required("name", 200),
            path=sheet.path,
            description=body or None,
            status=sheet.word("status", ProjectStatus.values, ProjectStatus.BACKLOG.value),
            target_date=sheet.day("targetDate"),
            color=sheet.text("color", most=32),
            lead=sheet.text("lead"),
            goals=sheet.texts("goals"),
            policy=sheet.object("executionWorkspacePolicy") or None,
            workspaces=tuple(
                _workspace(sheet, place, values) for place, values in enumerate(sheet.objects("workspaces"))
            ),
        )

    # --- Issues and routines -----------------------------------------------------------------------------

    def _tasks(self) -> tuple[IssuePart | RoutinePart, ...]:
        found: dict[str, tuple[str, str | None]] = {}
        for path in sorted(self.files):
            match = _TASK.fullmatch(path)
            if match is None:
                continue
            if match[2] in found:
                self.findings.errors.append(f"{path}: the slug {match[2]} is taken by {found[match[2]][0]}")
            found[match[2]] = (path, match[1])
        if len(found) > MAX_TASKS:
            self.findings.errors.append(f"tasks: there are {len(found)}; a package has at most {MAX_TASKS}")
            return ()
        tasks, routines = self._section("tasks"), self._section("routines")
        self._warn_of_strays("tasks", tasks, found_paths := {slug: path for slug, (path, _) in found.items()})
        self._warn_of_strays("routines", routines, found_paths)
        parts: list[IssuePart | RoutinePart] = []
        for slug in sorted(found, key=_order({**tasks, **routines})):
            path, project = found[slug]
            extra = routines.get(slug, tasks.get(slug))
            with self.findings.noted():
                parts.append(self._task(slug, path, extra, project, is_routine=slug in routines))
        return tuple(parts)

    def _task(
        self, slug: str, path: str, extra: Any, project: str | None, *, is_routine: bool
    ) -> IssuePart | RoutinePart:
        head, _ = markup.split(package_files.text_of(self.files, path), path)
        part: IssuePart | RoutinePart
        if is_routine or head.get("recurring") is True:
            part = self._one(slug, path, extra, work.routine)
        else:
            part = self._one(slug, path, extra, work.issue)
        return replace(part, project=project) if project is not None and part.project is None else part

    # --- Skills, inputs, order ---------------------------------------------------------------------------

    def _skills(self) -> tuple[SkillPart, ...]:
        known = {skill.key: skill for skill in skills.catalogue()} | {
            skill.name: skill for skill in skills.catalogue()
        }
        parts: list[SkillPart] = []
        for path in sorted(self.files):
            match = _SKILL.fullmatch(path)
            if match is None:
                continue
            with self.findings.noted():
                text = package_files.text_of(self.files, path)
                sheet = Sheet(path, markup.split(text, path)[0])
                name = sheet.text("name") or match[1]
                skill = known.get(sheet.text("key") or name)
                if skill is None:
                    self.findings.warnings.append(
                        f"{path}: the skill {name[:80]} is not one of Paperclip's own; give it to the agents' program"
                    )
                parts.append(
                    SkillPart(
                        slug=match[1],
                        key=skill.key if skill is not None else name,
                        name=name,
                        path=path,
                        description=sheet.text("description", most=10_000) or "",
                    )
                )
        return tuple(parts)

    def _ask(self, sheet: Sheet, *, agent_slug: str | None = None, project_slug: str | None = None) -> None:
        for key, about in sheet.sheet("inputs").object("env").items():
            try:
                bindings.normalized({key: ""}, "inputs", "env")
            except Refusal as refusal:
                raise sheet.fault("inputs.env", refusal.message) from refusal
            kind = Sheet(sheet.path, _entry(sheet.path, about)).word(
                "kind", InputKind.values, InputKind.SECRET.value
            )
            self.inputs.append(EnvInput(key, kind, agent_slug, project_slug))

    def _sidebar(self) -> dict[str, tuple[str, ...]]:
        with self.findings.noted():
            sheet = self.sidecar.sheet("sidebar")
            return {kind: slugs for kind in ("agents", "projects") if (slugs := sheet.texts(kind))}
        return {}


def _workspace(sheet: Sheet, place: int, values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        ProjectWorkspaceIn.read(values)
    except Refusal as refusal:
        raise sheet.fault(f"workspaces.{place}", f"{refusal.message}: {refusal.details}") from refusal
    return dict(values)


def _config(sheet: Sheet, name: str) -> dict[str, Any]:
    """Return an adapter's configuration; where instructions and environment stand is not a package's to say."""
    config = sheet.object(name)
    return {key: value for key, value in config.items() if key not in secrecy.NOT_CARRIED}


def _entry(path: str, extra: Any) -> dict[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, dict):
        raise Fault(path, "is described in the sidecar by something that is no object")
    return extra


def _order(extras: Mapping[str, Any]) -> Callable[[str], tuple[int, str]]:
    """Return the sort key of slugs: as the sidecar has them, and what it does not name after that by name."""
    places = {slug: place for place, slug in enumerate(extras)}
    return lambda slug: (places.get(slug, len(places)), slug)

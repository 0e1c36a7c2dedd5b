"""What a person types about a routine and its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from unfold import widgets

from issues.choices import IssuePriority
from issues.models import Issue
from paperclip.companies.choices import AGENT_UNASSIGNABLE
from paperclip.companies.models import Agent, Goal, Project
from paperclip.core import naming
from paperclip.core.errors import Invalid, Refusal
from paperclip.core.forms import BoardForm, area, choice, snake, text
from routines import templates, values, variables, words
from routines.choices import (
    LABEL_MAX,
    OPTION_MAX,
    OPTIONS_MAX,
    TITLE_MAX,
    VARIABLES_MAX,
    CatchUpPolicy,
    ConcurrencyPolicy,
    RoutineStatus,
    VariableType,
)
from routines.models import Routine
from routines.variables import Variable

_OFFERED = 500
_DEFAULT_MAX = 10_000
Choices = list[tuple[str, str]]


def agent_choices(company_id: UUID, chosen: Agent | None = None) -> Choices:
    """Return who may do a routine's work: nobody, and the agents that can be given work."""
    rows = Agent.objects.filter(company_id=company_id).exclude(status__in=AGENT_UNASSIGNABLE)
    return _choices(rows.order_by("name"), "name", "Nobody yet", chosen)


def project_choices(company_id: UUID, chosen: Project | None = None) -> Choices:
    """Return the projects that are not archived."""
    rows = Project.objects.filter(company_id=company_id, archived_at__isnull=True)
    return _choices(rows.order_by("name"), "name", "None", chosen)


def goal_choices(company_id: UUID, chosen: Goal | None = None) -> Choices:
    """Return the company's goals."""
    rows = Goal.objects.filter(company_id=company_id).order_by("created_at")
    return _choices(rows, "title", "None", chosen)


def _choices(rows: QuerySet[Any], name: str, nothing: str, chosen: Any) -> Choices:
    """Return the rows by id; the chosen one stays on offer also where it is not open to others any more."""
    offered = {str(pk): title for pk, title in rows.values_list("pk", name)[:_OFFERED]}
    if chosen is not None:
        offered.setdefault(str(chosen.pk), getattr(chosen, name))
    return [("", nothing), *offered.items()]


class VariableForm(forms.Form):
    """What is said of one variable. Its name stands in the routine's texts and nowhere else."""

    type = choice("What it is", words.VARIABLE_TYPES.items())
    default = text("Used when nothing is given", required=False)
    label = text("What people call it", required=False)
    options = text("To choose from", required=False, wide=True, help_text="One per line.")
    required = forms.BooleanField(
        label="Must be given", required=False, widget=widgets.UnfoldBooleanSwitchWidget()
    )

    def __init__(
        self,
        stored: Variable,
        data: Mapping[str, Any] | None = None,
        *,
        typed: Mapping[str, Any] | None = None,
    ) -> None:
        """`data` is what was sent to be kept, `typed` what only is to be shown."""
        self.name: str = stored["name"]
        super().__init__(data, prefix=f"var-{self.name}", initial=dict(typed or _shown(stored)))
        self.fields["label"].widget.attrs["maxlength"] = LABEL_MAX
        self.fields["options"].widget.attrs["rows"] = 3
        if self["type"].value() == VariableType.TEXTAREA:
            self.fields["default"].widget = area(3)

    @property
    def is_select(self) -> bool:
        """Whether there is something to choose from."""
        return bool(self["type"].value() == VariableType.SELECT)

    def clean_label(self) -> str | None:
        """Return the label, or None."""
        label: str = self.cleaned_data["label"].strip()
        if len(label) > LABEL_MAX:
            raise forms.ValidationError(f"At most {LABEL_MAX} characters.")
        return label or None

    def clean_options(self) -> list[str]:
        """Return the options, one for each line. Those of another type are left where they are and not kept."""
        lines = self.cleaned_data["options"].splitlines()
        options = list(dict.fromkeys(filter(None, map(str.strip, lines))))
        if len(options) > OPTIONS_MAX or any(len(option) > OPTION_MAX for option in options):
            raise forms.ValidationError(
                f"At most {OPTIONS_MAX} options of at most {OPTION_MAX} characters each."
            )
        return options if self.is_select else []

    def clean(self) -> dict[str, Any]:
        """Put the variable together as it is stored, or say beside the field what is wrong with it."""
        given = self.cleaned_data
        if self.errors:
            return given
        try:
            given["stored"] = self._stored(given)
        except Invalid as refusal:
            for fault in refusal.issues:
                field = snake(str(fault["path"][0])).removesuffix("_value")
                self.add_error(field if field in self.fields else None, fault["message"])
        except Refusal as refusal:
            self.add_error("default", refusal.message)
        return given

    def _stored(self, given: Mapping[str, Any]) -> Variable:
        default = given["default"]
        if len(default) > _DEFAULT_MAX:
            raise Invalid.at("defaultValue", message=f"At most {_DEFAULT_MAX} characters.")
        variable = variables.declared(
            {
                "name": self.name,
                "label": given["label"],
                "type": given["type"],
                "default_value": default if default.strip() else None,
                "required": given["required"],
                "options": given["options"],
            }
        )
        if variable["defaultValue"] is not None:
            variable["defaultValue"] = values.coerce(
                self.name, variable["type"], variable["options"], default
            )
        return variable


def variable_forms(
    names: Sequence[str],
    stored: Sequence[Variable],
    sent: Mapping[str, Any] | None,
    *,
    is_draft: bool = False,
) -> list[VariableForm]:
    """Return a form for each name: with what was sent of it, else what is stored, else plain.

    Of a draft nothing is checked yet: it is shown as it was typed.
    """
    known = {variable["name"]: variable for variable in stored}
    drawn = []
    for name in names[:VARIABLES_MAX]:
        told = known.get(name) or variables.plain(name)
        is_sent = sent is not None and f"var-{name}-type" in sent
        form = VariableForm(told, sent if is_sent else None)
        if is_sent and is_draft:
            form = VariableForm(told, typed={field: form[field].value() for field in form.fields})
        drawn.append(form)
    return drawn


def _shown(stored: Variable) -> dict[str, Any]:
    default = stored["defaultValue"]
    return {
        "type": stored["type"],
        "default": "" if default is None else values.as_text(default),
        "label": stored["label"] or "",
        "options": "\n".join(stored["options"]),
        "required": stored["required"],
    }


class RoutineForm(BoardForm):
    """A routine: what is to be done, by whom, and what becomes of times at which it cannot be."""

    title = text("Title", help_text="Of each issue. {{date}} and {{name}} are filled in.")
    description = text(
        "What is to be done",
        required=False,
        wide=True,
        help_text="Markdown. A word in double braces, such as {{branch}}, becomes a variable.",
    )
    assignee = choice("Agent", required=False, help_text="Without one it is a draft and stays paused.")
    priority = choice("Priority", IssuePriority.choices)
    project = choice("Project", required=False)
    goal = choice("Goal", required=False)
    parent = text(
        "Part of issue", required=False, help_text="Its identifier, when all this belongs to one issue."
    )
    concurrency_policy = choice(
        "While the same work still goes on",
        words.CONCURRENCY.items(),
        help_text="The same: equal texts, agent, project and variables.",
    )
    catch_up_policy = choice(
        "Times missed while nothing ran",
        words.CATCH_UP.items(),
        help_text="Each schedule shows what this comes to.",
    )
    is_active = forms.BooleanField(
        label="Let its triggers set it off",
        required=False,
        initial=True,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    halves = ("assignee", "priority", "project", "goal")
    parts = {"concurrency_policy": "When it overlaps or is late"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent = self.data if self.is_bound else None
        source = self.data if self.is_bound else self.initial
        names = templates.names(source.get("title") or "", source.get("description") or "")
        stored = self.row.variables if self.row is not None else []
        self.variable_forms = variable_forms(names, stored, sent)

    def offer(self) -> None:
        """Offer the company's agents, projects and goals; of a routine that is there, those it has."""
        row: Routine | None = self.row
        company_id = self.scope.company_id if row is None else row.company_id
        has = (row.assignee_agent, row.project, row.goal) if row is not None else (None, None, None)
        self.set_choices("assignee", agent_choices(company_id, has[0]))
        self.set_choices("project", project_choices(company_id, has[1]))
        self.set_choices("goal", goal_choices(company_id, has[2]))
        self.fields["title"].widget.attrs["maxlength"] = TITLE_MAX
        self.fields["description"].widget.attrs["rows"] = 10
        if row is not None:
            del self.fields["is_active"]
            return
        self.initial = {
            "priority": IssuePriority.MEDIUM,
            "concurrency_policy": ConcurrencyPolicy.COALESCE_IF_ACTIVE,
            "catch_up_policy": CatchUpPolicy.SKIP_MISSED,
            **self.initial,
        }

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a routine."""
        return {
            **super().values_of(row),
            "description": row.description or "",
            "assignee": str(row.assignee_agent_id or ""),
            "project": str(row.project_id or ""),
            "goal": str(row.goal_id or ""),
            "parent": row.parent_issue.identifier if row.parent_issue is not None else "",
        }

    def is_valid(self) -> bool:
        """Whether the routine and each of its variables can be read; these are then among what is cleaned."""
        if not all([super().is_valid(), *(form.is_valid() for form in self.variable_forms)]):
            if self.is_bound and not all(form.is_bound for form in self.variable_forms):
                self.add_error(None, "These texts ask for variables: look at them below, then save.")
            return False
        self.cleaned_data["variables"] = [form.cleaned_data["stored"] for form in self.variable_forms]
        return True

    def clean_title(self) -> str:
        """Return the title, of at most 200 characters."""
        title: str = self.cleaned_data["title"].strip()
        if len(title) > TITLE_MAX:
            raise forms.ValidationError(f"At most {TITLE_MAX} characters.")
        return title

    def clean_parent(self) -> UUID | None:
        """Return the id of the issue that is named."""
        named = self.cleaned_data["parent"].strip()
        if not named:
            return None
        identifier = naming.as_identifier(named)
        company_id = self.scope.company_id if self.row is None else self.row.company_id
        rows = Issue.objects.filter(company_id=company_id, identifier=identifier, hidden_at__isnull=True)
        found = rows.values_list("pk", flat=True).first() if identifier is not None else None
        if found is None:
            raise forms.ValidationError("There is no such issue.")
        return found

    @property
    def base(self) -> str:
        """The revision that is being changed: another one meanwhile must not be written over."""
        if self.row is None:
            return ""
        return str(self.data.get("base", "") if self.is_bound else self.row.latest_revision_id or "")


def columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that the values of a valid form stand for."""
    found: dict[str, Any] = {
        "title": given["title"],
        "description": given["description"].replace("\r\n", "\n") or None,
        "assignee_agent_id": naming.as_field_uuid(given["assignee"]),
        "project_id": naming.as_field_uuid(given["project"]),
        "goal_id": naming.as_field_uuid(given["goal"]),
        "parent_issue_id": given["parent"],
        "priority": given["priority"],
        "concurrency_policy": given["concurrency_policy"],
        "catch_up_policy": given["catch_up_policy"],
        "variables": given["variables"],
    }
    if "is_active" in given:
        found["status"] = RoutineStatus.ACTIVE if given["is_active"] else RoutineStatus.PAUSED
    return found


class StartForm(BoardForm):
    """What differs this time, and a field for each variable of the routine."""

    assignee = choice("Agent", required=False)
    project = choice("Project", required=False)

    halves = ("assignee", "project")
    parts = {"assignee": "Only this time"}

    @property
    def routine(self) -> Routine:
        """The routine that is started."""
        assert isinstance(self.row, Routine)
        return self.row

    def offer(self) -> None:
        """Offer other agents and projects, and ask for the variables first."""
        routine = self.routine
        as_usual = [("", "As always")]
        self.set_choices("assignee", as_usual + agent_choices(routine.company_id)[1:])
        self.set_choices("project", as_usual + project_choices(routine.company_id)[1:])
        asked = {_asked(variable): _field(variable) for variable in routine.variables}
        self.fields = {**asked, **self.fields}
        for variable in routine.variables:
            default = variable["defaultValue"]
            self.initial[_asked(variable)] = "" if default is None else values.as_text(default)

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return nothing: what is not chosen stays as it always is."""
        return {}

    def clean(self) -> dict[str, Any]:
        """Check each value against the type of its variable, so that a fault is shown beside it."""
        given = self.cleaned_data
        for variable in self.routine.variables:
            value = given.get(_asked(variable))
            if values.is_missing(value):
                continue
            try:
                values.coerce(variable["name"], variable["type"], variable["options"], value)
            except Refusal as refusal:
                self.add_error(_asked(variable), refusal.message)
        return given

    def columns(self) -> dict[str, Any]:
        """Return what to start the routine with; a field that was emptied means no value, not the default."""
        given = self.cleaned_data
        return {
            "assignee_agent_id": naming.as_field_uuid(given["assignee"]),
            "project_id": naming.as_field_uuid(given["project"]),
            "variables": {
                variable["name"]: given[_asked(variable)].replace("\r\n", "\n") or None
                for variable in self.routine.variables
            },
        }

    def add_refusal(self, refusal: Refusal) -> None:
        """Show what was refused: beside the variables it names, else above the form."""
        details = refusal.details if isinstance(refusal.details, Mapping) else {}
        missing = details.get("variables", [])
        if not missing:
            super().add_refusal(refusal)
        for name in missing:
            self.add_error(f"given-{name}", "This one must be given.")


def _asked(variable: Variable) -> str:
    return f"given-{variable['name']}"


def _field(variable: Variable) -> forms.Field:
    """Return the field that asks for a variable."""
    label = variable["label"] or variable["name"]
    # What is missing is the verb's to say: a default may stand in for it.
    match variable["type"]:
        case VariableType.BOOLEAN:
            return choice(label, [("", "–"), ("true", "Yes"), ("false", "No")], required=False)
        case VariableType.SELECT:
            return choice(label, [("", "–"), *((each, each) for each in variable["options"])], required=False)
        case VariableType.TEXTAREA:
            return text(label, required=False, wide=True)
        case VariableType.NUMBER:
            return _number(label)
    return text(label, required=False)


def _number(label: str) -> forms.CharField:
    field = text(label, required=False)
    field.widget.attrs["inputmode"] = "decimal"
    return field

"""The people of a company (C-32 to C-35)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import members, rights, roster
from paperclip.companies.api.base import CompanyView
from paperclip.companies.choices import MemberRole, MemberStatus, Permission, PrincipalType
from paperclip.companies.models import Grant, Member, User
from paperclip.core import naming
from paperclip.core.api.fields import Enum, Items, Object, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import Conflict, Invalid, NotFound

_SETTABLE_STATUSES = [
    (status.value, status.label)
    for status in (MemberStatus.PENDING, MemberStatus.ACTIVE, MemberStatus.SUSPENDED)
]


class UserOut(Output):
    """A person."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField(source="display_name")
    image = serializers.CharField(allow_null=True)


class MemberOut(ModelOutput):
    """A place in a company."""

    class Meta:
        model = Member
        fields: ClassVar = [
            "id", "company_id", "principal_type", "principal_id", "status", "membership_role", "created_at",
            "updated_at",
        ]  # fmt: skip


class GrantOut(ModelOutput):
    """One permission."""

    scope = serializers.DictField(allow_null=True)

    class Meta:
        model = Grant
        fields: ClassVar = [
            "id", "company_id", "principal_type", "principal_id", "permission_key", "scope",
            "granted_by_user_id", "created_at", "updated_at",
        ]  # fmt: skip


class RemovalOut(Output):
    """Whether somebody may be archived."""

    can_archive = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)


class PersonOut(MemberOut):
    """A person's place, with who they are and what they may do."""

    user = UserOut(allow_null=True)
    grants = GrantOut(many=True)
    removal = RemovalOut()

    class Meta(MemberOut.Meta):
        fields: ClassVar = [*MemberOut.Meta.fields, "user", "grants", "removal"]


class MemberAccessOut(Output):
    """What the caller may do about members."""

    current_user_role = serializers.CharField(allow_null=True)
    can_manage_members = serializers.BooleanField()
    can_invite_users = serializers.BooleanField()
    can_approve_join_requests = serializers.BooleanField()


class MemberListOut(Output):
    """The people of a company."""

    members = PersonOut(many=True)
    access = MemberAccessOut()


class DirectoryEntryOut(Output):
    """An active person, for choosing from."""

    principal_id = serializers.UUIDField()
    status = serializers.CharField()
    user = UserOut()


class DirectoryOut(Output):
    """Everybody to choose from."""

    users = DirectoryEntryOut(many=True)


class GrantInput(Input):
    """One permission to give."""

    permission_key = Enum(choices=Permission.choices)
    scope = Object(required=False, allow_null=True)


class MemberPatch(Input):
    """A person's role and status."""

    membership_role = Enum(choices=MemberRole.choices, required=False, allow_null=True)
    status = Enum(choices=_SETTABLE_STATUSES, required=False)


class GrantsInput(Input):
    """All permissions of a person; what is not named is taken away."""

    grants = Items(child=GrantInput(), max_length=50)


class MemberAccessPatch(MemberPatch):
    """A person's role and status, and all of their permissions."""

    grants = Items(child=GrantInput(), max_length=50)


class Reassignment(Input):
    """Who takes over the open issues of somebody who leaves; nobody when empty."""

    assignee_agent_id = Uuid(required=False, allow_null=True)
    assignee_user_id = Uuid(required=False, allow_null=True)


class ArchiveInput(Input):
    """Somebody to let go."""

    reassignment = Reassignment(required=False, allow_null=True)


class ArchivedOut(Output):
    """Who was let go, and how many issues passed on."""

    member = MemberOut()
    reassigned_issue_count = serializers.IntegerField()


class ProfileOut(Output):
    """A person as others of the company see them."""

    user = UserOut()
    membership_role = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    joined_at = serializers.DateTimeField()


class _MemberView(CompanyView):
    """A view for those who may manage members."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse everybody else."""
        super().initial(request, *args, **kwargs)
        rights.require_member_manager(self.actor, self.company.id)

    def find_person(self, reference: str) -> Member:
        """Return the membership a path names. Raises NotFound."""
        people = Member.objects.filter(company=self.company, principal_type=PrincipalType.USER)
        people = people.exclude(status=MemberStatus.ARCHIVED)
        member_id = naming.as_uuid(reference)
        member = people.filter(pk=member_id).first() if member_id else None
        if member is None:
            raise NotFound("Member not found")
        return member

    def answer(self, member: Member) -> Response:
        """Return a person as the list shows them."""
        return Response(render(roster.described([member], viewer=self.actor)[0]))


def render(person: roster.Person) -> dict[str, Any]:
    """Return one person of the member list."""
    return MemberOut.render(person.member) | {
        "user": UserOut.render(person.user) if person.user is not None else None,
        "grants": GrantOut.render_many(person.grants),
        "removal": RemovalOut.render(person.removal),
    }


class MemberList(_MemberView):
    """The people of a company."""

    @operation("List the people of a company [C-34]", answers=MemberListOut)
    def get(self, request: Request, company_id: str) -> Response:
        people = roster.people(self.company, viewer=self.actor)
        access = roster.access_of(self.actor, self.company.id)
        return Response({"members": [render(person) for person in people], "access": access})


class UserDirectory(CompanyView):
    """People to choose from."""

    @operation("List the active people of a company [C-34]", answers=DirectoryOut)
    def get(self, request: Request, company_id: str) -> Response:
        entries = [
            {"principalId": user.id, "status": MemberStatus.ACTIVE.value, "user": _user(user)}
            for user in roster.directory(self.company)
        ]
        return Response({"users": entries})


class MemberDetail(_MemberView):
    """One person's role and status."""

    @operation("Change a person's role or status [C-34]", reads=MemberPatch, answers=PersonOut)
    def patch(self, request: Request, company_id: str, member_id: str) -> Response:
        member = self.find_person(member_id)
        fields = MemberPatch.read(request.data, partial=True)
        if not fields:
            raise Invalid.at(message="membershipRole or status is required")
        return self.answer(members.update(member=member, **_changes(fields), actor=self.actor, now=self.now))


class MemberAccess(_MemberView):
    """One person's role, status and permissions."""

    @operation(
        "Change a person's role, status and permissions [C-34]", reads=MemberAccessPatch, answers=PersonOut
    )
    def patch(self, request: Request, company_id: str, member_id: str) -> Response:
        member = self.find_person(member_id)
        fields = MemberAccessPatch.read(request.data)
        changed = members.update(
            member=member,
            **_changes(fields),
            actor=self.actor,
            now=self.now,
            action="company_member.access_updated",
        )
        return self.answer(changed)


class MemberPermissions(_MemberView):
    """One person's permissions."""

    @operation("Replace a person's permissions [C-34]", reads=GrantsInput, answers=PersonOut)
    def patch(self, request: Request, company_id: str, member_id: str) -> Response:
        member = self.find_person(member_id)
        fields = GrantsInput.read(request.data)
        changed = members.update(
            member=member,
            **_changes(fields),
            actor=self.actor,
            now=self.now,
            action="company_member.permissions_updated",
        )
        return self.answer(changed)


class MemberArchive(_MemberView):
    """Letting a person go."""

    @operation(
        "Archive a person and pass on their open issues [C-34]", reads=ArchiveInput, answers=ArchivedOut
    )
    def post(self, request: Request, company_id: str, member_id: str) -> Response:
        member = self.find_person(member_id)
        takers = ArchiveInput.read(request.data or {}).get("reassignment") or {}
        if takers.get("assignee_agent_id") and takers.get("assignee_user_id"):
            raise Invalid.at("reassignment", message="Name an agent or a person, not both")
        archived, moved = members.archive(member=member, **takers, actor=self.actor, now=self.now)
        return Response({"member": MemberOut.render(archived), "reassignedIssueCount": moved})


class UserProfile(CompanyView):
    """One person of the company, for everybody in it."""

    @operation("Get a person's profile [C-39]", answers=ProfileOut)
    def get(self, request: Request, company_id: str, user_slug: str) -> Response:
        user_id = naming.as_field_uuid(user_slug)
        people = roster.directory(self.company)
        found = [
            user
            for user in people
            if user.id == user_id or (user_id is None and naming.slug(user.display_name) == user_slug.lower())
        ]
        if len(found) > 1:
            raise Conflict("Several people have this name. Use the user ID.")
        if not found:
            raise NotFound("User not found")
        place = Member.objects.get(
            company=self.company, principal_type=PrincipalType.USER, principal_id=found[0].id
        )
        return Response(
            {
                "user": UserOut.render(found[0]),
                "membershipRole": place.membership_role,
                "status": place.status,
                "joinedAt": place.created_at,
            }
        )


def _changes(fields: dict[str, Any]) -> dict[str, Any]:
    return {("role" if name == "membership_role" else name): value for name, value in fields.items()}


def _user(user: User) -> dict[str, Any]:
    return UserOut.render(user)

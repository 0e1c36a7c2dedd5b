"""`/companies/:companyId/search` (I-200)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import search
from paperclip.companies.api.base import CompanyView
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import ErrorBody, operation, query
from paperclip.core.api.views import whole_number


class FoundOut(Output):
    """One thing found."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=["issue", "agent", "project"])
    score = serializers.IntegerField()
    title = serializers.CharField()
    href = serializers.CharField()
    matched_fields = serializers.ListField(child=serializers.CharField())
    source_label = serializers.CharField()
    snippet = serializers.CharField(allow_null=True)
    snippets = serializers.ListField(child=serializers.DictField())
    issue = serializers.DictField(required=False)
    updated_at = serializers.DateTimeField()
    preview_image_url = serializers.CharField(allow_null=True)


class SearchOut(Output):
    """A page of what was found, best first."""

    query = serializers.CharField()
    normalized_query = serializers.CharField()
    scope = serializers.ChoiceField(choices=search.SCOPES)
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    results = FoundOut(many=True)
    counts_by_type = serializers.DictField(child=serializers.IntegerField())
    has_more = serializers.BooleanField()


class SearchLimitOut(ErrorBody):
    """The caller has searched too often."""

    retry_after_seconds = serializers.IntegerField()


class SearchView(CompanyView):
    """`GET /companies/:companyId/search`."""

    @operation(
        "Search a company [I-200]",
        answers=SearchOut,
        query=[
            query("q"),
            query("scope", enum=search.SCOPES),
            query("limit", int, "1 to 50; 20 when absent."),
            query("offset", int, "0 to 200."),
        ],
        also={429: SearchLimitOut},
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer a page; sixty a minute are allowed to each caller."""
        allowance = search.spend(
            company_id=self.company.pk, actor_id=f"{self.actor.type}:{self.actor.id}", now=self.now
        )
        headers = {
            "X-RateLimit-Limit": str(search.LIMIT_PER_WINDOW),
            "X-RateLimit-Remaining": str(max(allowance.remaining, 0)),
        }
        if allowance.is_used_up:
            wait = allowance.retry_after_seconds
            body = {"error": "Search rate limit exceeded", "retryAfterSeconds": wait}
            return Response(body, status=429, headers=headers | {"Retry-After": str(wait)})
        text = request.query_params.get("q", "")[:200]
        asked = request.query_params.get("scope", "all")
        scope = asked if asked in search.SCOPES else "all"
        limit = whole_number(request, "limit", default=20, least=1, most=50)
        offset = whole_number(request, "offset", default=0, least=0, most=200)
        found = search.company(company_id=self.company.pk, text=text, scope=scope, limit=limit, offset=offset)
        body = {
            "query": text,
            "normalizedQuery": found.query.phrase,
            "scope": scope,
            "limit": limit,
            "offset": offset,
            "results": search.results(found, place=self.company),
            "countsByType": found.counts,
            "hasMore": found.has_more,
        }
        return Response(body, headers=headers)

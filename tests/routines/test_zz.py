import pytest
from heartbeat import claims
from heartbeat.models import Run
from issues.models import Issue
from issues import comments
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.routines import recipes

@pytest.mark.django_db
@pytest.mark.parametrize("status", ["in_progress", "done"])
def test_twin(cast, status):
    now = clock.now()
    routine = recipes.routine(cast)
    recipes.start(routine)
    (run,) = claims.claim(runner=factories.runner(), most=5, now=now)
    Run.objects.update(status="succeeded")
    a = Issue.objects.get(origin_id=str(routine.pk))
    Issue.objects.filter(pk=a.pk).update(status=status, execution_run=None, checkout_run=None)
    recipes.start(routine)
    assert len(list(claims.claim(runner=factories.runner(), most=5, now=now))) == 1
    comments.add(issue_id=a.pk, body="And?", actor=actors.for_user(cast.owner), now=now)
    print(Run.objects.values_list("status", "issue__identifier", "issue__status"))
    print(list(claims.claim(runner=factories.runner(), most=5, now=now)))

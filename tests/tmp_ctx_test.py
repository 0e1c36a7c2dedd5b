import time, statistics
from django.db import connection
from tests import factories
from issues import wire, snapshots as s
from issues.models import Issue
def med(f, n=40):
    ts=[]
    for _ in range(n):
        t=time.perf_counter(); f(); ts.append((time.perf_counter()-t)*1000)
    return round(statistics.median(ts),2)
def test_x(db):
    co=factories.company(); ag=factories.agent(co)
    Issue.objects.bulk_create([Issue(company=co,title=f"Issue {i}",description="some words "*20,issue_number=i,identifier=f"{co.issue_prefix}-{i}",assignee_agent=ag,created_by_agent=ag,status="todo") for i in range(1,1001)])
    its=list(Issue.objects.all()[:3])
    Issue.objects.filter(pk=its[0].pk).update(parent=its[1])
    factories.blocks(its[2],its[0])
    with connection.cursor() as c:
        c.execute("analyze")
        c.execute("show jit"); print("jit",c.fetchone())
    p=dict(companies=[co.pk],id=its[0].pk,identifier=None)
    def run(sel): 
        return lambda: wire.rows(f"SELECT {sel} FROM issues AS issue WHERE {s.WHERE}",p)
    def run2(sel): 
        return lambda: wire.rows(f"SELECT {sel} FROM issues AS issue WHERE issue.company_id = ANY(%(companies)s::uuid[]) AND issue.id=%(id)s",p)
    print("one", med(run("issue.id"))); print("one by id", med(run2("issue.id")))
    print("cols", med(run2(wire.select(Issue,"issue"))))
    allp=[]
    for n in "BLOCKED_BY BLOCKS LABELS GOAL_ID SCHEDULED_RETRY BRIEF_ANCESTORS".split():
        print(n, med(run2(getattr(s,n)))); allp.append(getattr(s,n))
    print("all", med(run2(wire.select(Issue,"issue")+","+",".join(allp))))
    with connection.cursor() as c:
        c.execute(f"EXPLAIN (ANALYZE, SUMMARY) SELECT {wire.select(Issue,'issue')}, {','.join(allp)} FROM issues AS issue WHERE issue.company_id = ANY(%(companies)s::uuid[]) AND issue.id=%(id)s",p)
        for r in c.fetchall()[-6:]: print(r[0])
    raw=connection.connection
    def prep():
        cur=raw.cursor()
        from psycopg import Cursor
        cur=Cursor(raw)
        cur.execute(f"SELECT {wire.select(Issue,'issue')}, {','.join(allp)} FROM issues AS issue WHERE issue.company_id = ANY(%(companies)s::uuid[]) AND issue.id=%(id)s",p,prepare=True)
        return cur.fetchall()
    print("prepared", med(prep))

import time, statistics, random
from django.db import connection
from tests import factories
from tests.cast import Caller
from issues.models import Issue, Comment, Relation, IssueLabel, Label
def med(f, n=60):
    for _ in range(5): f()
    ts=[]
    for _ in range(n):
        t=time.perf_counter(); f(); ts.append((time.perf_counter()-t)*1000)
    return round(statistics.median(ts),2), round(sorted(ts)[int(n*.9)],2)
WORDS="login page checkout invoice payment search index worker retry deploy pipeline cache header footer export import schema migration token session budget alert widget".split()
def test_perf(cast):
    co=cast.company; rnd=random.Random(1)
    ags=[cast.engineer,cast.peer,cast.manager]
    p=factories.project(co); g=factories.goal(co, level="company")
    its=Issue.objects.bulk_create([Issue(company=co,project=p,title=f"{rnd.choice(WORDS).capitalize()} {rnd.choice(WORDS)} {rnd.choice(WORDS)} {i}",description=" ".join(rnd.choices(WORDS,k=60)),issue_number=i,identifier=f"{co.issue_prefix}-{i}",assignee_agent=rnd.choice(ags),created_by_agent=ags[0],status=rnd.choice(["todo","todo","done","blocked","in_progress","backlog"]),priority=rnd.choice(["low","medium","high"])) for i in range(1,1001)])
    Comment.objects.bulk_create([Comment(company=co,issue=rnd.choice(its),author_type="agent",author_agent=ags[0],body=" ".join(rnd.choices(WORDS,k=40))) for _ in range(3000)])
    for i in range(200): 
        a,b=rnd.sample(its,2)
        if its.index(a)<its.index(b): factories.blocks(a,b)
    lab=[Label.objects.create(company=co,name=f"l{i}",color="#aabbcc") for i in range(5)]
    IssueLabel.objects.bulk_create([IssueLabel(issue=i,label=rnd.choice(lab),company=co) for i in its[::3]])
    Issue.objects.filter(pk=its[5].pk).update(parent=its[6]); Issue.objects.filter(pk=its[6].pk).update(parent=its[7])
    factories.blocks(its[700],its[5])
    Issue.objects.filter(pk=its[700].pk).update(status="done")
    Issue.objects.filter(pk=its[5].pk).update(status="in_progress")
    with connection.cursor() as c: c.execute("analyze")
    run=factories.run(cast.engineer, status="running")
    a=cast.as_agent(cast.engineer); ar=cast.as_agent(cast.engineer,run_id=run.id); o=cast.as_owner
    i=its[5].pk
    def go(c,u):
        r=c.get(u); assert r.status_code==200, r.content; return r
    n={}
    from django.test.utils import CaptureQueriesContext
    for name,c,u in [("me-like: labels",a,f"/api/companies/{co.id}/labels"),("get issue",o,f"/api/issues/{i}"),("get issue agent",a,f"/api/issues/{i}"),("context",a,f"/api/issues/{i}/heartbeat-context"),("context run",ar,f"/api/issues/{i}/heartbeat-context"),
      ("list1000",o,f"/api/companies/{co.id}/issues?limit=1000"),("list q",o,f"/api/companies/{co.id}/issues?q=login"),("search",o,f"/api/companies/{co.id}/search?q=login%20page"),("search misspelt",o,f"/api/companies/{co.id}/search?q=chekcout"),("search ident",o,f"/api/companies/{co.id}/search?q={co.issue_prefix}-77"),("inbox",a,"/api/agents/me/inbox-lite"),("comments",a,f"/api/issues/{i}/comments")]:
        from django.core.cache import cache
        def f(): cache.clear(); go(c,u)
        with CaptureQueriesContext(connection) as q: go(c,u)
        print(name, med(f), "queries",len(q))
    from issues import listing
    from issues.listing import Filters
    from paperclip.core.api.rendering import dumps
    import uuid
    rows=listing._filtered(co.pk,Filters())
    from issues import wire, attention
    q=listing._ordered(rows,"").values_list(*listing._list_columns())[:1000]
    print("main", med(lambda: wire.read(listing._ordered(rows,"").values_list(*listing._list_columns())[:1000])))
    sql,prm=q.query.sql_with_params()
    with connection.cursor() as c:
        c.execute("explain (analyze, verbose off) "+sql,prm); print("\n".join(r[0] for r in c.fetchall())[-900:])
    page=wire.read(q)
    print("issue()", med(lambda: [wire.issue(v) for v in page]))
    ids=[p[0] for p in page]
    print("labels", med(lambda: listing._labels(ids)))
    bl=[i.pk for i in its if i.status=="blocked"]
    print("attention", len(bl), med(lambda: attention.of(co.pk,bl)))
    print("load", med(lambda: attention._load(co.pk,bl)))
    full=listing.company(co.pk,Filters(),limit=1000)
    print("company", med(lambda: listing.company(co.pk,Filters(),limit=1000)), "dumps", med(lambda: dumps(full)))

def test_smoke(cast):
    c=cast.as_owner
    base=f"/api/companies/{cast.company.id}/issues"
    r=c.post(base,{"title":"Hello","assigneeAgentId":str(cast.engineer.id),"description":"a\\nb"}); print(r.status_code,r.content[:600]); assert r.status_code==201
    i=r.json()["id"]; ident=r.json()["identifier"]
    for path in ["",f"/heartbeat-context","/comments","/documents","/activity"]:
        r=c.get(f"/api/issues/{ident.lower()}{path}"); print(path,r.status_code,r.content[:300]); assert r.status_code==200
    r=c.get(base); print(r.status_code,r.content[:200]); assert r.status_code==200
    for q in ["status=todo,done","q=hel","unreadForUserId=me","touchedByUserId=me","inboxArchivedByUserId=me","participantAgentId="+str(cast.engineer.id),"includeBlockedBy=1","descendantOf="+i, "excludeRoutineExecutions=1","originKindPrefix=man"]:
        r=c.get(base+"?"+q); print(q,r.status_code,len(r.json()) if r.status_code==200 else r.content); assert r.status_code==200
    r=c.patch(f"/api/issues/{i}",{"status":"blocked","comment":"hm","title":"New"}); print(r.status_code,r.content[-400:]); assert r.status_code==200
    r=c.get(f"/api/issues/{i}"); assert r.status_code==200, r.content
    r=c.post(f"/api/issues/{i}/comments",{"body":"go on"}); print(r.status_code,r.content); assert r.status_code==201
    assert c.get(f"/api/issues/{i}").json()["status"]=="todo"
    r=c.post(f"/api/issues/{i}/children",{"title":"kid","acceptanceCriteria":["x"],"blockParentUntilDone":True}); print(r.status_code,r.content[-200:]); assert r.status_code==201
    r=c.post(f"/api/issues/{i}/checkout",{"agentId":str(cast.engineer.id),"expectedStatuses":["todo"]}); print(r.status_code,r.content); assert r.status_code==422
    r=c.put(f"/api/issues/{i}/documents/plan",{"format":"markdown","body":"x"}); print(r.status_code,r.content); assert r.status_code==201
    r=c.put(f"/api/issues/{i}/documents/plan",{"format":"markdown","body":"x"}); print(r.status_code,r.content); assert r.status_code==409
    r=c.get(f"/api/issues/{i}/documents/plan/revisions"); assert r.status_code==200
    r=c.get(f"/api/companies/{cast.company.id}/search?q=new"); print(r.status_code,r.content); assert r.status_code==200
    r=c.post(f"/api/companies/{cast.company.id}/labels",{"name":" a ","color":"#aabbcc"}); print(r.content); assert r.status_code==201
    r=c.patch(f"/api/issues/{i}",{"labelIds":[r.json()["id"]]}); assert r.status_code==200; print(r.json()["labels"])
    r=c.get(base); print(r.json()[0]["labels"])
    a=cast.as_agent(cast.engineer)
    r=a.get("/api/agents/me/inbox-lite"); print(r.status_code,r.content); assert r.status_code==200
    r=a.get("/api/agents/me/inbox/mine?userId="+str(cast.owner.id)); print(r.status_code,len(r.json())); assert r.status_code==200
    for m in ("post","delete"):
        for p in ("read","inbox-archive"):
            r=getattr(c,m)(f"/api/issues/{i}/{p}"); print(p,r.status_code,r.content); assert r.status_code==200
    r=c.get("/api/issues"); assert r.status_code==400
    r=c.get("/api/openapi.json"); assert r.status_code==200, r.content[:500]
    r=c.get(f"/api/issues/{i}"); print(r.content.decode())
    r=c.delete(f"/api/issues/{i}"); print(r.status_code,r.content[:200]); assert r.status_code==409

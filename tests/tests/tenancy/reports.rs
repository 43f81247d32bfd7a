//! What admins and tenants look up afterwards: usage, users, the journal, tasks, refused submits.

use std::collections::BTreeSet;

use evogate_tests::{Caller as _, Micro, Rig, Tenant, until};
use http::Method;
use serde_json::{Value, json};

use super::{holder, mint};

/// The rows of a CSV answer, with its head first.
fn csv(text: &str) -> Vec<Vec<String>> {
    let lines = text
        .strip_suffix("\r\n")
        .expect("whole lines")
        .split("\r\n");
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// Two users of one tenant and one of another: four tasks, one of them failed.
async fn some_work(rig: &Rig) -> (Tenant, Tenant, Tenant) {
    let ana = mint(&rig.admin, "team", json!({ "name": "a", "user": "ana" })).await;
    let bo = mint(&rig.admin, "team", json!({ "name": "b", "user": "bo" })).await;
    let (ana, bo) = (holder(rig, &ana), holder(rig, &bo));
    let other = rig.admin.tenant("other", "100").await;
    for (who, prompt, end) in [
        (&ana, "one", "completed"),
        (&ana, "two #sim:fail=generation_timeout", "failed"),
        (&bo, "three", "completed"),
        (&other, "four", "completed"),
    ] {
        let id = who.start(prompt).await;
        who.ended_as(&id, end).await;
    }
    (ana, bo, other)
}

#[tokio::test]
async fn usage_has_the_same_sums_however_it_is_grouped_and_in_json_and_csv() {
    let rig = Rig::start().await;
    let (ana, _, other) = some_work(&rig).await;
    for (group, rows) in [
        ("day", 1),
        ("tenant", 2),
        ("user", 3),
        ("key", 3),
        ("model", 1),
        ("tenant,user,model", 3),
    ] {
        let path = format!("/admin/v1/usage?group_by={group}");
        let report = rig.admin.get(&path).await.ok();
        let data = report["data"].as_array().unwrap();
        assert_eq!(data.len(), rows, "{group}: {report}");
        let table = rig.admin.get(&format!("{path}&format=csv")).await;
        assert!(
            table
                .header("content-type")
                .unwrap()
                .starts_with("text/csv")
        );
        let table = csv(&table.text());
        let head = format!("{group},submitted,completed,failed,cancelled,credits_charged");
        assert_eq!(table[0].join(","), head);
        for (name, sum) in [("submitted", 4), ("completed", 3), ("failed", 1)] {
            let json: i64 = data.iter().map(|row| row[name].as_i64().unwrap()).sum();
            let column = table[0].iter().position(|head| head == name).unwrap();
            let csv: i64 = table[1..]
                .iter()
                .map(|row| row[column].parse::<i64>().unwrap())
                .sum();
            assert_eq!((json, csv), (sum, sum), "{name} by {group}");
        }
        let json: Micro = data
            .iter()
            .map(|row| Micro::of(&row["credits_charged"]))
            .sum();
        let csv: Micro = table[1..]
            .iter()
            .map(|row| Micro::parse(row.last().unwrap()))
            .sum();
        let spent =
            rig.admin.credits("team", "spent").await + rig.admin.credits("other", "spent").await;
        assert_eq!((json, csv), (spent, spent), "by {group}");
    }
    let own = ana
        .get("/v1/usage?group_by=tenant,user&tenant=other")
        .await
        .ok();
    let users: Vec<&Value> = own["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["user"])
        .collect();
    assert_eq!(
        users,
        [&json!("ana"), &json!("bo")],
        "the tenant's own, all of it"
    );
    assert_eq!(other.get("/v1/usage").await.ok()["data"][0]["submitted"], 1);

    let users = rig.admin.get("/admin/v1/tenants/team/users").await.ok();
    assert_eq!(users["data"][0]["user"], "ana");
    assert_eq!(users["data"][0]["submitted"], 2);
    assert_eq!(users["total"], 2);
}

#[tokio::test]
async fn a_report_that_cannot_be_meant_is_refused_with_all_its_faults() {
    let rig = Rig::start().await;
    let path = "/admin/v1/usage?from=yesterday&to=2026-02-30&group_by=colour&format=xml";
    let error = rig.admin.get(path).await.error(400, "invalid_parameter");
    let faults = error["details"].as_array().unwrap().iter();
    let params: BTreeSet<&str> = faults
        .map(|fault| fault["param"].as_str().unwrap())
        .collect();
    assert_eq!(params, BTreeSet::from(["from", "to", "group_by", "format"]));
    let backwards = "/v1/usage?from=2026-11-02&to=2026-11-01";
    let error = rig
        .team
        .get(backwards)
        .await
        .error(400, "invalid_parameter");
    assert_eq!(error["param"], "from");
    for path in [
        "/admin/v1/audit?limit=0",
        "/admin/v1/audit?before=x",
        "/admin/v1/tasks?state=done",
        "/admin/v1/tasks?after=x",
        "/admin/v1/tenants?page=0",
        "/admin/v1/tenants/team/journal?limit=some",
        "/admin/v1/tenants/team/journal?after=-1",
        "/admin/v1/tenants/team/journal?format=xml",
        "/admin/v1/tenants/team/journal?kind=paid",
        "/admin/v1/tenants/team/journal?task=mine",
        "/admin/v1/tenants/team/journal?from=yesterday",
    ] {
        rig.admin.get(path).await.error(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn the_journal_adds_up_to_the_tenants_credits_in_every_format_and_page_by_page() {
    let rig = Rig::start().await;
    some_work(&rig).await;
    let path = "/admin/v1/tenants/team/journal";
    let mut entries: Vec<Value> = Vec::new();
    let mut after = json!(0);
    while !after.is_null() {
        let page = rig
            .admin
            .get(&format!("{path}?limit=3&after={after}"))
            .await
            .ok();
        entries.extend(page["data"].as_array().unwrap().iter().cloned());
        after = page["next"].clone();
    }
    let whole = rig.admin.get(&format!("{path}?limit=1000")).await.ok();
    assert_eq!(whole["data"], json!(entries));
    assert_eq!(entries[0]["kind"], "granted");
    assert_eq!(entries[0]["by"], "bootstrap");
    assert_eq!(entries[0]["note"], "for a test");
    let lines = rig
        .admin
        .get(&format!("{path}?limit=1000&format=ndjson"))
        .await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, entries);
    let table = rig
        .admin
        .get(&format!("{path}?limit=1000&format=csv"))
        .await;
    let table = csv(&table.text());
    assert_eq!(
        table[0].join(","),
        "seq,at,kind,available,held,spent,task,note,by"
    );
    for (column, name) in [(3, "available"), (4, "held"), (5, "spent")] {
        let json: Micro = entries.iter().map(|entry| Micro::of(&entry[name])).sum();
        let csv: Micro = table[1..]
            .iter()
            .map(|row| Micro::parse(&row[column]))
            .sum();
        let now = rig.admin.credits("team", name).await;
        assert_eq!((json, csv), (now, now), "{name}");
    }
    let only = async |query: &str| {
        let list = rig.admin.get(&format!("{path}?limit=1000&{query}")).await;
        list.ok()["data"].as_array().unwrap().clone()
    };
    let by = |name: &str, value: &Value| -> Vec<Value> {
        let entries = entries.iter().filter(|entry| entry[name] == *value);
        entries.cloned().collect()
    };
    let settled = only("kind=settled").await;
    assert_eq!(settled, by("kind", &json!("settled")));
    let task = &settled[0]["task"];
    let of_task = only(&format!("task={}", task.as_str().unwrap())).await;
    assert_eq!(of_task, by("task", task));
    assert!(of_task.len() >= 2);
    assert_eq!(only("from=2020-01-01&to=2099-12-31").await, entries);
    assert!(only("to=2020-01-01").await.is_empty());
    let page = rig.admin.get(&format!("{path}?kind=settled&limit=1")).await;
    assert_eq!(
        page.ok()["next"],
        settled[0]["seq"],
        "the next page goes on there"
    );
}

#[tokio::test]
async fn tasks_of_all_tenants_are_found_by_tenant_and_state_page_by_page() {
    let rig = Rig::start().await;
    some_work(&rig).await;
    let count = async |query: &str| {
        let list = rig
            .admin
            .get(&format!("/admin/v1/tasks?{query}"))
            .await
            .ok();
        list["data"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("tenant=team").await, 3);
    assert_eq!(count("state=failed").await, 1);
    assert_eq!(count("state=completed&tenant=other").await, 1);
    assert_eq!(count("state=completed&tenant=nobody").await, 0);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = rig
            .admin
            .get(&format!("/admin/v1/tasks?limit=2&after={after}"))
            .await
            .ok();
        let tasks = page["data"].as_array().unwrap();
        assert!(tasks.len() <= 2);
        seen.extend(
            tasks
                .iter()
                .map(|task| task["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        next.clone_into(&mut after);
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (4, 4));
    let list = rig
        .admin
        .get("/admin/v1/tasks?tenant=team&state=failed")
        .await
        .ok();
    let failed = &list["data"][0];
    assert_eq!(failed["user"], "ana");
    assert_eq!(Micro::of(&failed["credits"]["charged"]), Micro::ZERO);
    let id = failed["id"].as_str().unwrap();
    let alone = rig.admin.get(&format!("/admin/v1/tasks/{id}")).await.ok();
    assert_eq!(&alone, failed);
    for absent in ["task-unified-1772203771-abcd1234", "no-task"] {
        let answer = rig.admin.get(&format!("/admin/v1/tasks/{absent}")).await;
        answer.error(404, "task_not_found");
    }
    let path = format!("tasks/{id}/timeline");
    let timeline = rig
        .admin
        .get(&format!("/admin/v1/tenants/team/{path}"))
        .await
        .ok();
    assert_eq!(timeline["state"], "failed");
    let answer = rig
        .admin
        .get(&format!("/admin/v1/tenants/other/{path}"))
        .await;
    answer.error(404, "task_not_found");
}

#[tokio::test]
async fn a_refused_submit_is_found_by_its_request_id_with_its_faults_and_without_its_prompt() {
    let rig = Rig::start().await;
    let ana = mint(&rig.admin, "team", json!({ "name": "a", "user": "ana" })).await;
    let ana = holder(&rig, &ana);
    let prompt = "an elephant in secret";
    let upstream = format!("{prompt} #sim:http=422");
    let good = Tenant::video(prompt);
    for (id, status, code, params, request) in [
        (
            "r-faults",
            400,
            "invalid_parameter",
            json!(["duration", "quality"]),
            ana.request(Method::POST, "/v1/videos/generations")
                .json(&json!({
                    "model": "seedance-2.0", "prompt": prompt, "duration": 99, "quality": "9p",
                })),
        ),
        (
            "r-upstream",
            422,
            "content_filtered",
            json!([]),
            ana.request(Method::POST, "/v1/videos/generations")
                .json(&Tenant::video(&upstream)),
        ),
        (
            "r-key",
            400,
            "invalid_parameter",
            json!(["Idempotency-Key"]),
            ana.request(Method::POST, "/v1/videos/generations")
                .header("idempotency-key", "two words")
                .json(&good),
        ),
        (
            "r-large",
            413,
            "request_too_large",
            json!([]),
            ana.request(Method::POST, "/v1/videos/generations")
                .json(&Tenant::video(&prompt.repeat(100_000))),
        ),
    ] {
        ana.send(request.header("x-request-id", id))
            .await
            .error(status, code);
        let path = format!("/admin/v1/refused?request_id={id}");
        let found = until("it is kept", async || {
            let list = rig.admin.get(&path).await;
            (!list.ok()["data"].as_array()?.is_empty()).then_some(list)
        })
        .await;
        assert!(!found.text().contains("elephant"), "{}", found.text());
        let refused = found.json()["data"][0].clone();
        assert_eq!(refused["request_id"], id);
        assert_eq!(
            (&refused["tenant"], &refused["user"]),
            (&json!("team"), &json!("ana"))
        );
        assert_eq!(refused["route"], "/v1/videos/generations");
        assert_eq!(
            (&refused["status"], &refused["code"]),
            (&json!(status), &json!(code))
        );
        assert_eq!(refused["params"], params, "{refused}");
        assert!(refused["at"].as_str().unwrap().ends_with('Z'), "{refused}");
    }
    let list = rig
        .admin
        .get("/admin/v1/refused?tenant=team&limit=2")
        .await
        .ok();
    let newest: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["request_id"])
        .collect();
    assert_eq!(newest, [&json!("r-large"), &json!("r-key")]);
    let list = rig.admin.get("/admin/v1/refused?tenant=nobody").await.ok();
    assert_eq!(list["data"], json!([]));
}

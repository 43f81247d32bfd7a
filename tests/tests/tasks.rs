//! Lists, batches and single tasks: a tenant sees its own, and nothing tells that others exist.

use evogate_tests::{Caller as _, Rig, Tenant, assert_books};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|task| task["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_has_the_tenants_tasks_newest_first_in_evolinks_shape() {
    let rig = Rig::start().await;
    let other = rig.admin.tenant("other", "100").await;
    let foreign = other.start("not yours").await;
    let first = rig.team.start("first").await;
    let second = rig.team.start("second #sim:fail=service_error").await;
    let third = rig.team.start("third #sim:never-finish").await;
    rig.team.ended_as(&first, "completed").await;
    rig.team.ended_as(&second, "failed").await;
    let list = rig.team.get("/v1/tasks").await.ok();
    assert_eq!(list["object"], "list");
    assert_eq!(list["total"], 3);
    assert_eq!(list["page"], 1);
    assert_eq!(ids(&list), [third.as_str(), &second, &first]);
    let all = list["data"].as_array().unwrap();
    let of = |id: &String| all.iter().find(|task| task["id"] == **id).unwrap();
    assert_eq!(of(&third)["has_results"], false);
    let done = of(&first);
    assert_eq!(done["model"], "seedance-2.0");
    assert_eq!(done["type"], "video");
    assert_eq!(done["status"], "completed");
    assert_eq!(done["progress"], 100);
    assert_eq!(done["duration"], 5);
    assert_eq!(done["has_results"], true);
    assert_eq!(done["result_count"], 1);
    assert_eq!(done["has_error"], false);
    assert_eq!(done["credits_used"], json!(17.784));
    assert!(done["created_at"].is_u64());
    assert_eq!(of(&second)["has_error"], true);
    assert_eq!(of(&second)["credits_used"], json!(0));
    assert!(!ids(&list).contains(&foreign.as_str()));
    rig.team
        .post_empty(&format!("/v1/tasks/{third}/cancel"))
        .await
        .ok();
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_list_is_filtered_and_paged() {
    let rig = Rig::start().await;
    let mut started = Vec::new();
    for number in 0..5 {
        started.push(rig.team.start(&format!("video {number}")).await);
    }
    let mut pro = Tenant::video("another model");
    pro["model"] = "seedance-1.5-pro".into();
    let pro = rig.team.submit(&pro).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for id in started.iter().chain([&pro]) {
        rig.team.ended_as(id, "completed").await;
    }
    let page = rig.team.get("/v1/tasks?page=2&page_size=4").await.ok();
    assert_eq!(
        (&page["total"], &page["page"], &page["page_size"]),
        (&json!(6), &json!(2), &json!(4))
    );
    assert_eq!(ids(&page), [started[1].as_str(), &started[0]]);
    let models = rig.team.get("/v1/tasks?model=seedance-1.5-pro").await.ok();
    assert_eq!(ids(&models), [pro.as_str()]);
    assert_eq!(
        rig.team.get("/v1/tasks?status=completed").await.ok()["total"],
        6
    );
    assert_eq!(
        rig.team.get("/v1/tasks?status=failed").await.ok()["total"],
        0
    );
    assert_eq!(rig.team.get("/v1/tasks?type=image").await.ok()["total"], 0);
    for wrong in ["status=done", "page=0", "page_size=101", "page=x"] {
        rig.team
            .get(&format!("/v1/tasks?{wrong}"))
            .await
            .error(400, "invalid_parameter");
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_batch_leaves_out_unknown_and_foreign_tasks() {
    let rig = Rig::start().await;
    let other = rig.admin.tenant("other", "100").await;
    let foreign = other.start("not yours").await;
    let one = rig.team.start("one").await;
    let two = rig.team.start("two").await;
    for id in [&one, &two] {
        rig.team.ended_as(id, "completed").await;
    }
    let asked = json!({ "task_ids": [two, foreign, "task-unified-1772203771-yf1dxogh", one] });
    let batch = rig.team.post("/v1/tasks/batch", &asked).await.ok();
    assert_eq!(batch["code"], 200);
    assert_eq!(ids(&batch), [two.as_str(), &one]);
    assert_eq!(
        batch["data"][0],
        rig.team.task(&two).await,
        "as a read gives it"
    );
    let many: Vec<&str> = std::iter::repeat_n(one.as_str(), 51).collect();
    let many = json!({ "task_ids": many });
    rig.team
        .post("/v1/tasks/batch", &many)
        .await
        .error(400, "invalid_parameter");
    other.ended_as(&foreign, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_foreign_task_and_an_absent_one_are_the_same_404() {
    let rig = Rig::start().await;
    let other = rig.admin.tenant("other", "100").await;
    let foreign = other.start("not yours").await;
    let upstream = rig.sim.job("not yours").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let absent = "task-unified-1772203771-yf1dxogh";
    let same = async |make: &dyn Fn(&str) -> (http::Method, String)| {
        let mut errors = Vec::new();
        // EvoLink's own id of a task is nobody's id here.
        for id in [foreign.as_str(), absent, "no-id-at-all", &upstream] {
            let (method, path) = make(id);
            let answer = rig.team.send(rig.team.request(method, &path)).await;
            let mut error = answer.error(404, "task_not_found");
            assert_eq!(error["message"], "Task not found", "{path}");
            error.as_object_mut().unwrap().remove("request_id");
            errors.push(error);
        }
        assert!(errors.windows(2).all(|two| two[0] == two[1]), "{errors:?}");
    };
    same(&|id| (http::Method::GET, format!("/v1/tasks/{id}"))).await;
    same(&|id| (http::Method::GET, format!("/v1/tasks/{id}/timeline"))).await;
    same(&|id| (http::Method::GET, format!("/v1/tasks/{id}/content"))).await;
    same(&|id| (http::Method::POST, format!("/v1/tasks/{id}/cancel"))).await;
    other.ended_as(&foreign, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

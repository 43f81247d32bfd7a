//! The files host.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, parts, video};

async fn upload(kit: &Kit) -> Value {
    let body = json!({"base64_data": "aGVsbG8=", "upload_path": "a/b", "file_name": "hello.png"});
    let (status, answer) = kit.post("/api/v1/files/upload/base64", body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["success"], &answer["code"]),
        (&json!(true), &json!(200))
    );
    answer["data"].clone()
}

#[tokio::test]
async fn a_base64_upload_can_be_fetched_and_used() {
    let kit = Kit::new().await;
    let file = upload(&kit).await;
    assert_eq!(file["file_name"], "hello.png");
    assert_eq!(file["file_size"], 5);
    assert_eq!(file["mime_type"], "image/png");
    assert_eq!(file["upload_path"], "a/b");
    let url = file["file_url"].as_str().unwrap();
    let answer = kit.http.get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "hello");
    let mut body = video("a cat");
    body["image_urls"] = json!([url]);
    kit.create_with(body).await;
}

#[tokio::test]
async fn a_data_url_names_its_type() {
    let kit = Kit::new().await;
    let body = json!({"base64_data": "data:image/webp;base64,aGVsbG8="});
    let (_, answer) = kit.post("/api/v1/files/upload/base64", body).await;
    assert_eq!(answer["data"]["mime_type"], "image/webp");
}

#[tokio::test]
async fn a_stream_upload_is_multipart() {
    let kit = Kit::new().await;
    let body = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\
                content-type: text/plain\r\n\r\nhello\r\n--b\r\n\
                content-disposition: form-data; name=\"fileName\"\r\n\r\ny.txt\r\n--b--\r\n";
    let request = kit
        .ask(Method::POST, "/api/v1/files/upload/stream")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    let (status, answer) = parts(request.send().await.unwrap()).await;
    assert_eq!(status, 200, "{answer}");
    let file = &answer["data"];
    assert_eq!(
        (&file["original_name"], &file["file_name"]),
        (&json!("x.txt"), &json!("y.txt"))
    );
    assert_eq!(file["mime_type"], "text/plain");
    assert_eq!(file["file_size"], 5);
}

#[tokio::test]
async fn a_url_upload_keeps_the_name_and_fetches_nothing() {
    let kit = Kit::new().await;
    let body = json!({"file_url": "https://example.com/pictures/cat.jpg?size=2"});
    let (_, answer) = kit.post("/api/v1/files/upload/url", body).await;
    assert_eq!(answer["data"]["original_name"], "cat.jpg");
    assert_eq!(answer["data"]["mime_type"], "image/jpeg");
}

#[tokio::test]
async fn wrong_uploads_say_so_in_the_hosts_shape() {
    let kit = Kit::new().await;
    for (path, body) in [
        ("base64", json!({})),
        ("base64", json!({"base64_data": "***"})),
        ("url", json!({"file_url": "/tmp/x"})),
        ("stream", json!({})),
    ] {
        let (status, answer) = kit
            .post(&format!("/api/v1/files/upload/{path}"), body)
            .await;
        assert_eq!(status, 400, "{path}");
        assert_eq!(answer["success"], false);
        assert!(answer["msg"].is_string());
    }
}

#[tokio::test]
async fn files_are_listed_counted_deleted_and_expire() {
    let kit = Kit::new().await;
    let file = upload(&kit).await;
    upload(&kit).await;
    let (_, quota) = kit.get("/api/v1/files/quota").await;
    assert_eq!(quota["data"]["used_files"], 2);
    let id = file["file_id"].as_str().unwrap();
    assert_eq!(kit.delete(&format!("/api/v1/files/{id}")).await.0, 200);
    assert_eq!(kit.delete(&format!("/api/v1/files/{id}")).await.0, 404);
    let (_, list) = kit.get("/api/v1/files/list?page=1&pageSize=10").await;
    assert_eq!(list["data"]["total"], 1);
    assert_eq!(list["data"]["files"].as_array().unwrap().len(), 1);
    kit.pass(73 * 3600);
    let (_, list) = kit.get("/api/v1/files/list").await;
    assert_eq!(list["data"]["total"], 0);
}

//! Too much of everything.

use super::kit::{House, soon};

const SUBMIT: &str =
    "POST /v1/videos/generations HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn one_submit_too_many_is_turned_away_in_our_shape_and_reads_go_on() {
    let mut house = House::open("server.max_submits = 1").await;
    let mut first = house.client().await;
    first.send(SUBMIT).await;
    soon("the first submit", house.waiting.recv()).await;
    let mut second = house.client().await;
    second.send(SUBMIT).await;
    let refused = second.answer().await;
    assert_eq!(
        (refused.status(), refused.code().as_str()),
        (503, "overloaded")
    );
    assert!(
        refused.head.contains("retry-after: 1\r\n"),
        "{}",
        refused.head
    );
    assert!(!refused.closes(), "the connection is as good as before");
    assert_eq!(second.get("/").await.body, "hello");
    house.go_on.notify_one();
    assert_eq!(first.answer().await.body, "done");
    // The place is free again.
    second.send(SUBMIT).await;
    soon("the second submit", house.waiting.recv()).await;
    house.go_on.notify_one();
    assert_eq!(second.answer().await.status(), 200);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_place() {
    let mut house = House::open("server.max_submits = 1").await;
    let mut first = house.client().await;
    first.send(SUBMIT).await;
    soon("the first submit", house.waiting.recv()).await;
    drop(first);
    let mut second = house.client().await;
    soon("the place is free", async {
        loop {
            second.send(SUBMIT).await;
            tokio::select! {
                _ = house.waiting.recv() => return,
                answer = second.answer() => assert_eq!(answer.status(), 503),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_closed() {
    let house = House::open("server.max_connections = 1").await;
    let mut first = house.client().await;
    assert_eq!(first.get("/").await.status(), 200);
    let mut second = house.client().await;
    let refused = second.get("/").await;
    assert_eq!(
        (refused.status(), refused.code().as_str()),
        (503, "overloaded")
    );
    assert!(refused.head.contains("retry-after: 1\r\n") && refused.closes());
    second.is_closed().await;
    drop(first);
    soon("there is room again", async {
        while house.client().await.get("/").await.status() == 503 {}
    })
    .await;
}

#[tokio::test]
async fn in_a_crowd_the_idle_go_early() {
    let house = House::open("server.max_connections = 8\nserver.idle_timeout = '1h'").await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut client = house.client().await;
        assert_eq!(client.get("/").await.status(), 200);
        idle.push(client);
    }
    // The last one made it tight. All had an hour; so many go that there is room again.
    for client in &mut idle[..2] {
        client.is_closed().await;
    }
    assert_eq!(idle[7].get("/").await.status(), 200);
}

#[tokio::test]
async fn ops_are_never_turned_away() {
    let settings = "server.max_connections = 1\nserver.max_requests = 1\nserver.max_submits = 1";
    let mut house = House::for_ops(settings).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = house.client().await;
        client.send(SUBMIT).await;
        soon("the request", house.waiting.recv()).await;
        clients.push(client);
    }
    house.go_on.notify_waiters();
    for client in &mut clients {
        assert_eq!(client.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_and_one_with_too_many_headers_are_a_431() {
    let house = House::open("server.max_head = '8KiB'").await;
    let headers = |count| -> String {
        let lines = (0..count).map(|n| format!("x-{n}: 1\r\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let many = headers(101);
    let long = format!("x-long: {}\r\n", "x".repeat(16 * 1024));
    for headers in [many, long] {
        let mut client = house.client().await;
        client
            .send(&format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n"))
            .await;
        assert_eq!(client.answer().await.status(), 431);
        client.is_closed().await;
    }
    let few = headers(99);
    let mut client = house.client().await;
    client
        .send(&format!("GET / HTTP/1.1\r\nhost: test\r\n{few}\r\n"))
        .await;
    assert_eq!(client.answer().await.status(), 200);
}

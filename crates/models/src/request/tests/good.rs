//! What is taken, and what becomes of it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn upstream(body: &str, callback: Option<&str>) -> String {
    String::from_utf8(good(body).upstream_body(callback)).unwrap()
}

#[test]
fn a_request_gets_its_models_defaults_and_price() {
    let generation = good(r#"{"model":"seedance-2.0","prompt":"a cat"}"#);
    assert_eq!(generation.model.name(), "seedance-2.0");
    assert_eq!(generation.duration, Some(5));
    assert_eq!(generation.quality, Some("720p"));
    assert_eq!(generation.aspect_ratio, Some("16:9"));
    assert!(generation.generate_audio);
    assert_eq!(
        (generation.images, generation.videos, generation.audios),
        (0, 0, 0)
    );
    assert_eq!(generation.callback_url, None);
    assert_eq!(generation.estimate, "17.784".parse().unwrap());
    assert_eq!(generation.estimated_time, 132);
    insta::assert_json_snapshot!(generation.spec(), @r#"
    {
      "kind": "video",
      "model": "seedance-2.0",
      "duration": 5,
      "quality": "720p",
      "estimated_time": 132,
      "shortest": 30,
      "longest": 60,
      "billing_rule": "per_second"
    }
    "#);
}

#[test]
fn every_field_of_the_contract_is_taken() {
    let body = r#"{
        "model": "seedance-2.0", "prompt": "@Image2 dances like @video1 to @Audio1, shot as in @IMAGE1",
        "duration": 15, "quality": "1080p", "aspect_ratio": "21:9", "generate_audio": false,
        "image_urls": ["https://files.example.com/a.png", "http://93.184.215.14:8080/b.png?x=%20y#z"],
        "video_urls": ["https://example.com/v.mp4"], "audio_urls": ["https://example.com/a.mp3"],
        "callback_url": "https://hooks.example.com/x",
        "content_filter": true, "model_params": {"web_search": true}
    }"#;
    let generation = good(body);
    assert_eq!(generation.duration, Some(15));
    assert_eq!(
        (generation.quality, generation.aspect_ratio),
        (Some("1080p"), Some("21:9"))
    );
    assert!(!generation.generate_audio);
    assert_eq!(
        (generation.images, generation.videos, generation.audios),
        (2, 1, 1)
    );
    assert_eq!(
        generation.callback_url.as_deref(),
        Some("https://hooks.example.com/x")
    );
    assert_eq!(
        generation.estimate,
        "166.2".parse().unwrap(),
        "15 s and 15 s of reference video"
    );
    assert_eq!(generation.field("content_filter").unwrap().get(), "true");
}

#[test]
fn null_counts_as_not_given() {
    let generation = good(
        r#"{"model":"seedance-2.0","prompt":"a cat","duration":null,"quality":null,
            "aspect_ratio":null,"generate_audio":null,"image_urls":null,"callback_url":null}"#,
    );
    assert_eq!(generation.duration, Some(5));
    assert!(generation.generate_audio);
    assert_eq!(generation.callback_url, None);
}

#[test]
fn upstream_gets_the_clients_bytes_in_the_clients_order() {
    let body = r#" { "z" : 1.50e+2 , "prompt":"caf\u00e9", "model" : "seedance-2.0",
        "nested": { "b" : [1,  2.0], "a":null } , "duration": 5 } "#;
    assert_eq!(
        upstream(body, None),
        r#"{"z":1.50e+2,"prompt":"caf\u00e9","model":"seedance-2.0","nested":{ "b" : [1,  2.0], "a":null },"duration":5}"#
    );
}

#[test]
fn the_clients_callback_never_goes_upstream_and_ours_comes_last() {
    for key in ["callback_url", r"callback\u005furl"] {
        let body = format!(
            r#"{{"{key}":"https://tenant.example.com/","model":"seedance-2.0","prompt":"x"}}"#
        );
        assert_eq!(
            upstream(&body, None),
            r#"{"model":"seedance-2.0","prompt":"x"}"#
        );
        assert_eq!(
            upstream(&body, Some("https://ours.example.com/?t=\"1\"")),
            r#"{"model":"seedance-2.0","prompt":"x","callback_url":"https://ours.example.com/?t=\"1\""}"#
        );
    }
}

#[test]
fn the_callback_is_the_judges_business() {
    let body = r#"{"model":"seedance-2.0","prompt":"x","callback_url":"http://localhost:9/hook"}"#;
    let judge = |url: &str| {
        if url.ends_with("/hook") {
            Ok(())
        } else {
            Err("no".to_owned())
        }
    };
    let taken = validate(body.as_bytes(), MediaKind::Video, &CATALOGUE, &judge).unwrap();
    assert_eq!(
        taken.callback_url.as_deref(),
        Some("http://localhost:9/hook")
    );
}

#[test]
fn a_field_that_a_models_entry_does_not_know_passes_unread() {
    // Sora's entry lists no qualities, and no `n`.
    let body = with("sora-2-preview", r#""quality":"hd","n":7,"duration":8"#);
    let generation = good(&body);
    assert_eq!((generation.quality, generation.outputs), (None, 1));
    assert_eq!(generation.estimate, "46.08".parse().unwrap());
}

#[test]
fn several_results_are_priced_as_several() {
    let body = with(
        "veo-3.1-fast-generate-preview",
        r#""n":4,"duration":8,"generate_audio":false"#,
    );
    let generation = good(&body);
    assert_eq!(generation.outputs, 4);
    assert_eq!(
        generation.estimate,
        "184.32".parse().unwrap(),
        "4 × 8 s × 5.76"
    );
}

/// JSON that survives a round trip through text: no floats that print otherwise.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn unknown_fields_survive_the_way_upstream(
        fields in prop::collection::btree_map("[a-z_]{8,12}|x.*", any_json(), 0..6),
        callback in prop::option::of(Just("https://ours.example.com/cb")),
    ) {
        let mut sent: Map<String, Value> = fields.into_iter().collect();
        sent.insert("model".into(), json!("seedance-2.0"));
        sent.insert("prompt".into(), json!("a cat"));
        sent.remove("generate_audio");
        sent.remove("callback_url");
        let body = Value::Object(sent.clone()).to_string();
        let upstream = good(&body).upstream_body(callback);
        if let Some(url) = callback {
            sent.insert("callback_url".into(), json!(url));
        }
        let received: Map<String, Value> = serde_json::from_slice(&upstream).unwrap();
        prop_assert_eq!(received, sent);
    }

    #[test]
    fn what_goes_upstream_is_a_good_request_again(
        duration in 4..=15_u32,
        quality in prop::sample::select(vec!["480p", "720p", "1080p"]),
        prompt in "[a-zA-Z0-9 ü€\\n]{0,20}x",
    ) {
        let body = json!({
            "model": "seedance-2.0", "prompt": prompt, "duration": duration, "quality": quality,
        }).to_string();
        let first = good(&body);
        let upstream = String::from_utf8(first.upstream_body(None)).unwrap();
        let second = good(&upstream);
        prop_assert_eq!(second.estimate, first.estimate);
        prop_assert_eq!(second.upstream_body(None), upstream.as_bytes());
    }
}

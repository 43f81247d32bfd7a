//! The fields that are no media.

use rstest::rstest;

use super::*;
use crate::TaskId;

#[test]
fn all_faults_are_found_at_once_in_a_fixed_order() {
    let body = r#"{"callback_url":"http://x.example.com","generate_audio":"yes","audio_urls":["https://example.com/a.mp3"],
        "image_urls":[],"aspect_ratio":"2:1","quality":"8k","duration":3,"prompt":" ","model":"seedance-2.0"}"#;
    insta::assert_json_snapshot!(faults(body), @r#"
    [
      "prompt: prompt cannot be empty",
      "duration: duration must be between 4 and 15",
      "quality: quality must be one of: 480p, 720p, 1080p",
      "aspect_ratio: aspect_ratio must be one of: 16:9, 9:16, 1:1, 4:3, 3:4, 21:9",
      "generate_audio: generate_audio must be true or false, not a string",
      "audio_urls: audio_urls alone is not enough: give image_urls or video_urls too",
      "callback_url: callback_url is not allowed: it must begin with https://"
    ]
    "#);
}

#[rstest]
#[case::missing(r#"{"prompt":"","duration":"5"}"#, "model is required")]
#[case::null(r#"{"model":null,"prompt":"","duration":"5"}"#, "model is required")]
#[case::empty(r#"{"model":" ","prompt":"","duration":"5"}"#, "model cannot be empty")]
#[case::number(
    r#"{"model":2,"prompt":"","duration":"5"}"#,
    "model must be a string, not a number"
)]
fn without_a_model_the_rest_is_judged_as_far_as_it_can_be(#[case] body: &str, #[case] told: &str) {
    assert_eq!(
        faults(body),
        [
            format!("model: {told}"),
            "prompt: prompt cannot be empty".to_owned(),
            "duration: duration must be an integer, not a string".to_owned(),
        ]
    );
}

#[test]
fn without_a_model_no_model_s_limits_apply() {
    let body = r#"{"prompt":"a @image3","duration":30,"quality":"8k","n":99}"#;
    assert_eq!(faults(body), ["model: model is required"]);
}

#[test]
fn a_model_of_another_kind_is_sent_to_its_endpoint() {
    let body = br#"{"model":"seedance-2.0","prompt":"a cat"}"#;
    let Err(Rejection::Faults(faults)) = validate(body, MediaKind::Image, &CATALOGUE, &https_only)
    else {
        panic!("taken")
    };
    insta::assert_json_snapshot!(faults, @r#"
    [
      {
        "code": "invalid_parameter",
        "param": "model",
        "message": "seedance-2.0 is a video model: send it to /v1/videos/generations, not to /v1/images/generations"
      }
    ]
    "#);
}

#[rstest]
#[case::absent("\"x\":1")]
#[case::null(r#""prompt":null"#)]
#[case::empty(r#""prompt":"""#)]
#[case::spaces(r#""prompt":"  \t\r\n ""#)]
#[case::unicode_spaces("\"prompt\":\"\u{a0}\u{2003}\u{3000}\u{1680}\u{85}\"")]
#[case::zero_width("\"prompt\":\"\u{200b}\u{200d}\u{feff}\u{2060}\u{ad}\"")]
#[case::fillers("\"prompt\":\"\u{3164}\u{2800}\u{115f}\u{ffa0}\"")]
#[case::directions("\"prompt\":\"\u{202e}\u{2066}\u{e0020}\"")]
#[case::escaped(r#""prompt":"\u200b\u0020""#)]
#[case::controls(r#""prompt":"\u0000\u0007""#)]
fn a_prompt_that_says_nothing_is_empty(#[case] field: &str) {
    let body = format!(r#"{{"model":"seedance-2.0",{field}}}"#);
    assert_eq!(faults(&body), ["prompt: prompt cannot be empty"]);
}

#[rstest]
#[case("7", "a number")]
#[case("true", "a boolean")]
#[case(r#"["a cat"]"#, "an array")]
#[case(r#"{"text":"a cat"}"#, "an object")]
fn a_prompt_is_a_string(#[case] value: &str, #[case] kind: &str) {
    let body = format!(r#"{{"model":"seedance-2.0","prompt":{value}}}"#);
    assert_eq!(
        faults(&body),
        [format!("prompt: prompt must be a string, not {kind}")]
    );
}

#[rstest]
#[case::emoji("🐈")]
#[case::family("👩\u{200d}👩\u{200d}👧")]
#[case::chinese("一只猫")]
#[case::digit("7")]
#[case::punctuation(".")]
fn any_mark_is_a_prompt(#[case] prompt: &str) {
    good(&format!(
        r#"{{"model":"seedance-2.0","prompt":"{prompt}"}}"#
    ));
}

#[test]
fn nul_in_a_prompt_is_refused() {
    let body = r#"{"model":"seedance-2.0","prompt":"a\u0000cat"}"#;
    assert_eq!(
        faults(body),
        ["prompt: prompt must not contain NUL characters"]
    );
}

#[test]
fn only_an_absurd_prompt_is_too_long() {
    let body = |bytes: usize| {
        format!(
            r#"{{"model":"seedance-2.0","prompt":"{}"}}"#,
            "x".repeat(bytes)
        )
    };
    good(&body(65_536));
    assert_eq!(
        faults(&body(65_537)),
        ["prompt: prompt is too long: at most 65536 bytes"]
    );
    // 2000 words of 13 letters.
    good(&body(2000 * 14));
}

#[test]
fn a_field_may_stand_in_for_the_prompt_where_the_model_says_so() {
    good(r#"{"model":"kling-v3-text-to-video","multi_prompt":[{"prompt":"a cat"}]}"#);
    good(r#"{"model":"kling-v3-text-to-video","prompt":"","multi_prompt":[{"prompt":"a cat"}]}"#);
    assert_eq!(
        faults(r#"{"model":"seedance-2.0","multi_prompt":[{"prompt":"a cat"}]}"#),
        ["prompt: prompt cannot be empty"]
    );
}

#[rstest]
#[case::short("3", "duration must be between 4 and 15")]
#[case::long("16", "duration must be between 4 and 15")]
#[case::zero("0", "duration must be between 4 and 15")]
#[case::decimal("5.0", "duration must be an integer, without a decimal point: 5.0")]
#[case::half("5.5", "duration must be an integer, without a decimal point: 5.5")]
#[case::decimal_exponent("0.5e1", "duration must be an integer, without a decimal point: 0.5e1")]
#[case::exponent("1e1", "duration must be an integer, without an exponent: 1e1")]
#[case::text(r#""5""#, "duration must be an integer, not a string")]
#[case::boolean("true", "duration must be an integer, not a boolean")]
#[case::array("[5]", "duration must be an integer, not an array")]
#[case::object("{}", "duration must be an integer, not an object")]
#[case::negative("-5", "duration must be between 4 and 15: it cannot be negative")]
#[case::minus_zero("-0", "duration must be between 4 and 15: it cannot be negative")]
#[case::two_to_the_32(
    "4294967301",
    "duration must be between 4 and 15: the number is too large"
)]
#[case::two_to_the_64(
    "18446744073709551616",
    "duration must be between 4 and 15: the number is too large"
)]
#[case::huge("1e400", "duration must be an integer, without an exponent: 1e400")]
fn a_duration_is_a_whole_number_of_allowed_seconds(#[case] value: &str, #[case] told: &str) {
    assert_eq!(
        only(&format!(r#""duration":{value}"#)),
        format!("duration: {told}")
    );
}

#[test]
fn listed_durations_are_listed() {
    let body = with("sora-2-preview", r#""duration":5"#);
    assert_eq!(
        faults(&body),
        ["duration: duration must be one of: 4, 8, 12"]
    );
    good(&with("sora-2-preview", r#""duration":12"#));
}

#[test]
fn the_ends_of_a_span_are_allowed() {
    for seconds in [4, 15] {
        good(&with("seedance-2.0", &format!(r#""duration":{seconds}"#)));
    }
}

#[rstest]
#[case(
    r#""quality":"4k""#,
    "quality: quality must be one of: 480p, 720p, 1080p"
)]
#[case(
    r#""quality":"720P""#,
    "quality: quality must be one of: 480p, 720p, 1080p"
)]
#[case(
    r#""quality":"""#,
    "quality: quality must be one of: 480p, 720p, 1080p"
)]
#[case(r#""quality":720"#, "quality: quality must be a string, not a number")]
#[case(
    r#""aspect_ratio":1.78"#,
    "aspect_ratio: aspect_ratio must be a string, not a number"
)]
#[case(
    r#""aspect_ratio":"adaptive""#,
    "aspect_ratio: aspect_ratio must be one of: 16:9, 9:16, 1:1, 4:3, 3:4, 21:9"
)]
#[case(
    r#""generate_audio":1"#,
    "generate_audio: generate_audio must be true or false, not a number"
)]
#[case(
    r#""generate_audio":"true""#,
    "generate_audio: generate_audio must be true or false, not a string"
)]
#[case(
    r#""callback_url":5"#,
    "callback_url: callback_url must be a string, not a number"
)]
#[case(
    r#""callback_url":"""#,
    "callback_url: callback_url is not allowed: it is empty"
)]
fn a_wrong_value_is_told_what_it_must_be(#[case] field: &str, #[case] told: &str) {
    assert_eq!(only(field), told);
}

#[test]
fn a_callback_url_has_at_most_2048_characters() {
    let field = |length: usize| {
        format!(
            r#""callback_url":"https://example.com/{}""#,
            "x".repeat(length - 20)
        )
    };
    good(&with("seedance-2.0", &field(2048)));
    assert_eq!(
        only(&field(2049)),
        "callback_url: callback_url is not allowed: it may have at most 2048 characters"
    );
}

#[test]
fn fast_and_mini_stop_at_720p_and_know_adaptive() {
    for tier in ["fast", "mini"] {
        let name = format!("seedance-2.0-{tier}-text-to-video");
        good(&with(
            &name,
            r#""aspect_ratio":"adaptive","quality":"720p""#,
        ));
        let told = "quality: quality must be one of: 480p, 720p";
        assert_eq!(faults(&with(&name, r#""quality":"1080p""#)), [told]);
    }
}

#[rstest]
#[case("0", "n: n must be between 1 and 4")]
#[case("5", "n: n must be between 1 and 4")]
#[case("-1", "n: n must be between 1 and 4")]
#[case("2.0", "n: n must be an integer, without a decimal point: 2.0")]
fn the_number_of_results_is_bounded_where_it_costs(#[case] value: &str, #[case] told: &str) {
    let body = with("veo-3.1-fast-generate-preview", &format!(r#""n":{value}"#));
    assert_eq!(faults(&body), [told]);
}

mod batch {
    use super::*;

    fn told(body: &str) -> Vec<String> {
        let faults = TaskIds::parse(body.as_bytes()).unwrap_err();
        faults.into_iter().map(|fault| fault.message).collect()
    }

    #[rstest]
    #[case("{}", "task_ids is required")]
    #[case(r#"{"task_ids":null}"#, "task_ids is required")]
    #[case(r#"{"task_ids":[]}"#, "task_ids cannot be empty")]
    #[case(
        r#"{"task_ids":"a"}"#,
        "task_ids must be an array of strings, not a string"
    )]
    #[case(
        r#"{"task_ids":["a",7]}"#,
        "task_ids[1] must be a string, not a number"
    )]
    #[case(
        r#"{"task_ids":["a"],"task_ids":["b"]}"#,
        "task_ids is given more than once"
    )]
    #[case("[]", "the body must be a JSON object")]
    fn a_batch_is_a_list_of_ids(#[case] body: &str, #[case] message: &str) {
        assert_eq!(told(body), [message]);
    }

    #[test]
    fn fifty_ids_are_the_most() {
        let body = |count: usize| format!(r#"{{"task_ids":[{}]}}"#, vec!["\"x\""; count].join(","));
        assert!(TaskIds::parse(body(50).as_bytes()).is_ok());
        assert_eq!(
            told(&body(51)),
            ["task_ids can have at most 50 ids, not 51"]
        );
    }

    #[test]
    fn what_can_be_no_id_is_left_out_and_repeats_count_once() {
        let body = r#"{"task_ids":["task-unified-1772203771-yf1dxogh","nope","../x",
            "task-unified-1772203771-yf1dxogh","task-unified-1772203772-aaaaaaaa"]}"#;
        let ids = TaskIds::parse(body.as_bytes()).unwrap();
        let ids: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
        assert_eq!(
            ids,
            [
                "task-unified-1772203771-yf1dxogh",
                "task-unified-1772203772-aaaaaaaa"
            ]
        );
    }
}

//! The body as JSON.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// The one fault of a body that can't be read.
#[track_caller]
fn unreadable(body: &[u8]) -> String {
    match &faults_of(body)[..] {
        [one] => {
            assert_eq!((one.code, &one.param), (ErrorCode::InvalidJson, &None));
            one.message.clone()
        }
        others => panic!("{others:?}"),
    }
}

#[rstest]
#[case::nothing(b"", "the body is empty; send a JSON object")]
#[case::blanks(b" \r\n\t", "the body is empty; send a JSON object")]
#[case::array(b"[1]", "the body must be a JSON object")]
#[case::text(b"\"x\"", "the body must be a JSON object")]
#[case::null(b"null", "the body must be a JSON object")]
#[case::form(
    b"model=x",
    "the body is not valid JSON: expected value at line 1 column 1"
)]
#[case::bom(
    b"\xef\xbb\xbf{}",
    "the body begins with a byte order mark; send UTF-8 without one"
)]
#[case::latin1(
    b"{\"prompt\":\"caf\xe9\"}",
    "the body is not valid UTF-8 (at byte 14)"
)]
#[case::utf16(b"\xff\xfe{\0}\0", "the body is not valid UTF-8 (at byte 0)")]
#[case::overlong(b"{\"a\":\"\xc0\x80\"}", "the body is not valid UTF-8 (at byte 6)")]
#[case::trailing(
    b"{} {}",
    "the body is not valid JSON: trailing characters at line 1 column 4"
)]
#[case::cut_off(
    b"{\"a\":",
    "the body is not valid JSON: EOF while parsing a value at line 1 column 5"
)]
#[case::comma(
    b"{\"a\":1,}",
    "the body is not valid JSON: trailing comma at line 1 column 8"
)]
#[case::single_quotes(
    b"{'a':1}",
    "the body is not valid JSON: key must be a string at line 1 column 2"
)]
#[case::nan(
    b"{\"a\":NaN}",
    "the body is not valid JSON: expected value at line 1 column 6"
)]
#[case::bare_control(
    b"{\"a\":\"\n\"}",
    "the body is not valid JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 6"
)]
#[case::leading_zero(
    b"{\"a\":01}",
    "the body is not valid JSON: invalid number at line 1 column 7"
)]
#[case::lone_surrogate(
    br#"{"prompt":"\ud800"}"#,
    "the body is not valid JSON: in prompt: unexpected end of hex escape"
)]
#[case::swapped_surrogates(
    br#"{"prompt":"\udc00\ud800"}"#,
    "the body is not valid JSON: in prompt: lone leading surrogate in hex escape"
)]
#[case::surrogate_in_key(
    br#"{"\ud800x":1}"#,
    "the body is not valid JSON: unexpected end of hex escape at line 1 column 9"
)]
#[case::surrogate_inside(
    br#"{"a":{"b":["\udead"]}}"#,
    "the body is not valid JSON: in a.b[0]: lone leading surrogate in hex escape"
)]
#[case::endless_number(
    br#"{"a":[1e999]}"#,
    "the body is not valid JSON: in a[0]: number out of range"
)]
fn what_is_not_one_json_object_is_named(#[case] body: &[u8], #[case] message: &str) {
    assert_eq!(unreadable(body), message);
}

#[rstest]
#[case::arrays("[", "")]
#[case::objects("{\"a\":", "")]
#[case::closed("[", "]")]
fn deep_nesting_is_refused_and_not_followed(#[case] open: &str, #[case] close: &str) {
    let times = 100_000 / open.len();
    let nested = format!("{}{}", open.repeat(times), close.repeat(times));
    for body in [nested.clone(), format!("{{\"x\":{nested}}}")] {
        assert_eq!(
            unreadable(body.as_bytes()),
            "the body is nested more than 64 levels deep"
        );
    }
}

#[test]
fn sixty_four_levels_are_taken() {
    let body = |levels: usize| {
        with(
            "seedance-2.0",
            &format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels)),
        )
    };
    good(&body(63));
    assert!(matches!(judged(&body(64)), Err(Rejection::Faults(_))));
}

#[test]
fn brackets_in_texts_are_no_nesting() {
    let body = with(
        "seedance-2.0",
        &format!(r#""x":"{}\"{}""#, "[".repeat(200), "{".repeat(200)),
    );
    good(&body);
}

#[rstest]
#[case::top(r#"{"model":"seedance-2.0","prompt":"a","prompt":"b"}"#, "prompt")]
#[case::same_value(
    r#"{"model":"seedance-2.0","prompt":"a","duration":5,"duration":5}"#,
    "duration"
)]
#[case::escaped(r#"{"model":"seedance-2.0","prompt":"a","\u0070rompt":"b"}"#, "prompt")]
#[case::nested(
    r#"{"model":"seedance-2.0","prompt":"a","model_params":{"s":1,"\u0073":2}}"#,
    "model_params.s"
)]
#[case::in_array(
    r#"{"model":"seedance-2.0","prompt":"a","x":[1,{"y":{"z":1,"z":2}}]}"#,
    "x[1].y.z"
)]
#[case::thrice(r#"{"model":"seedance-2.0","prompt":"a","u":1,"u":2,"u":3}"#, "u")]
fn a_key_given_twice_is_named(#[case] body: &str, #[case] param: &str) {
    let [fault] = &faults_of(body.as_bytes())[..] else {
        panic!("one fault")
    };
    assert_eq!(fault.code, ErrorCode::InvalidJson);
    assert_eq!(fault.param.as_deref(), Some(param));
    assert_eq!(fault.message, format!("{param} is given more than once"));
}

#[test]
fn the_same_key_in_different_objects_is_no_duplicate() {
    good(&with(
        "seedance-2.0",
        r#""a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":2}],"k":0"#,
    ));
}

#[test]
fn keys_differ_by_case() {
    good(&with("seedance-2.0", r#""Prompt":"x","DURATION":"y""#));
}

#[test]
fn a_clients_text_comes_back_short_and_visible() {
    let key = "k\\u0000\\u202e".to_owned() + &"x".repeat(1000);
    let body = format!(r#"{{"model":"seedance-2.0","prompt":"a","{key}":1,"{key}":2}}"#);
    let [fault] = &faults_of(body.as_bytes())[..] else {
        panic!("one fault")
    };
    assert!(
        fault.message.starts_with("k\\u{0}\\u{202e}xxx"),
        "{}",
        fault.message
    );
    assert!(fault.message.len() < 200, "{}", fault.message);
}

#[test]
fn a_body_that_means_harm_gets_no_endless_answer() {
    let urls = vec!["\"ftp://x\""; 5000].join(",");
    let twice: Vec<String> = (0..5000)
        .map(|n| format!("\"k{n}\":1,\"k{n}\":2"))
        .collect();
    for fields in [format!(r#""image_urls":[{urls}]"#), twice.join(",")] {
        let faults = faults_of(with("seedance-2.0", &fields).as_bytes());
        assert_eq!(faults.len(), MAX_FAULTS);
    }
}

#[test]
fn an_unknown_model_is_not_found_once_the_body_is_read() {
    let unknown = |body: &str| match judged(body) {
        Err(Rejection::ModelNotFound { model }) => model,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        unknown(r#"{"model":"seedance-9","prompt":""}"#),
        "seedance-9"
    );
    assert_eq!(unknown(r#"{"model":"Seedance-2.0"}"#), "Seedance-2.0");
    assert_eq!(unknown(r#"{"model":"a\nb"}"#), "a\\u{a}b");
    assert!(matches!(
        judged(r#"{"model":"seedance-9","prompt":"a","prompt":"a"}"#),
        Err(Rejection::Faults(_))
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = judged_bytes(&body);
    }

    #[test]
    fn no_near_json_makes_it_panic(body in r#"[\[\]{}:,"\\0-9eE.+\-a-fntru @I]{0,200}"#) {
        let _ = judged(&body);
        let _ = TaskIds::parse(body.as_bytes());
    }

    #[test]
    fn no_values_make_it_panic(
        values in prop::collection::vec(
            prop_oneof![
                Just(r#""@Image1""#.to_owned()),
                Just("[[],{},1e5,null]".to_owned()),
                Just(r#"["https://[::1]/","http://x"]"#.to_owned()),
                any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
                any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
                any::<Vec<String>>().prop_map(|texts| serde_json::json!(texts).to_string()),
            ],
            10,
        ),
        model in prop::sample::select(vec!["seedance-2.0", "seedance-1.5-pro", "sora-2-preview", "nope"]),
    ) {
        let names = ["prompt", "duration", "quality", "aspect_ratio", "generate_audio",
            "image_urls", "video_urls", "audio_urls", "callback_url", "n"];
        let fields: Vec<String> =
            names.iter().zip(values).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let body = format!("{{\"model\":\"{model}\",{}}}", fields.join(","));
        if let Err(Rejection::Faults(faults)) = judged(&body) {
            prop_assert!(!faults.is_empty());
        }
    }
}

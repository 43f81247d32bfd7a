//! Reference media, and the prompt's references to them.

use rstest::rstest;

use super::*;

const PNG: &str = "https://example.com/a.png";

/// A field of `count` good URLs.
fn urls(field: &str, count: usize) -> String {
    let urls = vec![format!("\"{PNG}\""); count];
    format!("\"{field}\":[{}]", urls.join(","))
}

#[rstest]
#[case("image_urls", 9)]
#[case("video_urls", 3)]
fn seedance_2_takes_up_to_its_counts(#[case] field: &str, #[case] most: usize) {
    good(&with("seedance-2.0", &urls(field, most)));
    assert_eq!(
        only(&urls(field, most + 1)),
        format!(
            "{field}: {field} can have at most {most} for seedance-2.0, not {}",
            most + 1
        )
    );
}

#[test]
fn seedance_1_5_takes_one_image_and_no_video_or_audio() {
    let model = "seedance-1.5-pro";
    good(&with(model, &urls("image_urls", 1)));
    good(&with(
        model,
        r#""video_urls":[],"audio_urls":null,"generate_audio":true"#,
    ));
    let fields = [
        urls("image_urls", 2),
        urls("video_urls", 1),
        urls("audio_urls", 1),
    ]
    .join(",");
    assert_eq!(
        faults(&with(model, &fields)),
        [
            "image_urls: image_urls can have at most 1 for seedance-1.5-pro, not 2",
            "video_urls: video_urls is not supported by seedance-1.5-pro",
            "audio_urls: audio_urls is not supported by seedance-1.5-pro",
        ]
    );
    let told = "audio_urls: audio_urls is not supported by seedance-1.5-pro";
    assert_eq!(faults(&with(model, &urls("audio_urls", 1))), [told]);
}

#[test]
fn each_mode_takes_its_own_media() {
    for tier in ["", "fast-", "mini-"] {
        let text = format!("seedance-2.0-{tier}text-to-video");
        assert_eq!(
            faults(&with(&text, &urls("image_urls", 1))),
            [format!("image_urls: image_urls is not supported by {text}")]
        );
        let image = format!("seedance-2.0-{tier}image-to-video");
        good(&with(&image, &urls("image_urls", 2)));
        assert_eq!(
            faults(&with(&image, "\"x\":1")),
            [format!(
                "image_urls: image_urls must have at least 1 for {image}"
            )]
        );
        let reference = format!("seedance-2.0-{tier}reference-to-video");
        good(&with(&reference, &urls("video_urls", 1)));
        good(&with(
            &reference,
            &[urls("image_urls", 9), urls("audio_urls", 3)].join(","),
        ));
        assert_eq!(
            faults(&with(&reference, "\"x\":1")),
            [format!(
                "image_urls: {reference} needs at least one of image_urls or video_urls"
            )]
        );
    }
}

#[test]
fn audio_alone_is_not_enough() {
    let told = "audio_urls: audio_urls alone is not enough: give image_urls or video_urls too";
    assert_eq!(only(&urls("audio_urls", 1)), told);
    good(&with(
        "seedance-2.0",
        &[urls("audio_urls", 1), urls("video_urls", 1)].join(","),
    ));
}

#[rstest]
#[case(
    r#""image_urls":"https://example.com/a.png""#,
    "image_urls: image_urls must be an array of URLs, not a string"
)]
#[case(
    r#""image_urls":{}"#,
    "image_urls: image_urls must be an array of URLs, not an object"
)]
#[case(
    r#""image_urls":["https://example.com/a.png",7]"#,
    "image_urls[1]: image_urls[1] must be a string, not a number"
)]
#[case(
    r#""image_urls":[null]"#,
    "image_urls[0]: image_urls[0] must be a string, not null"
)]
#[case(
    r#""video_urls":["./clip.mp4"]"#,
    "video_urls[0]: video_urls[0] is not allowed: a local file can't be reached; upload it and give its http(s) URL"
)]
fn media_are_arrays_of_urls(#[case] field: &str, #[case] told: &str) {
    assert_eq!(only(field), told);
}

#[test]
fn each_bad_url_is_named_by_its_place() {
    let field = r#""image_urls":["https://example.com/a.png","C:\\me\\b.png","http://10.0.0.5/c.png","https:\/\/example.com/ü.png"]"#;
    insta::assert_json_snapshot!(faults(&with("seedance-2.0", field)), @r#"
    [
      "image_urls[1]: image_urls[1] is not allowed: a local file can't be reached; upload it and give its http(s) URL",
      "image_urls[2]: image_urls[2] is not allowed: the host 10.0.0.5 is not a public address: private use (RFC 1918)",
      "image_urls[3]: image_urls[3] is not allowed: it contains characters that are not ASCII; percent-encode them"
    ]
    "#);
}

fn with_prompt(prompt: &str, fields: &str) -> String {
    format!(r#"{{"model":"seedance-2.0","prompt":"{prompt}",{fields}}}"#)
}

#[rstest]
#[case::none(
    "a @Image1",
    0,
    "prompt refers to @Image1, but there are no image_urls"
)]
#[case::beyond(
    "a @Image3",
    2,
    "prompt refers to @Image3, but image_urls has only 2 URLs"
)]
#[case::one(
    "@image2",
    1,
    "prompt refers to @image2, but image_urls has only 1 URL"
)]
#[case::zero("@Image0", 1, "prompt refers to @Image0, but numbering starts at 1")]
#[case::ten_is_not_one(
    "@Image10",
    9,
    "prompt refers to @Image10, but image_urls has only 9 URLs"
)]
#[case::capitals(
    "@IMAGE7!",
    2,
    "prompt refers to @IMAGE7, but image_urls has only 2 URLs"
)]
#[case::chinese(
    "把@Image2放在左边",
    1,
    "prompt refers to @Image2, but image_urls has only 1 URL"
)]
#[case::sentence(
    "as in @Image2. Then",
    1,
    "prompt refers to @Image2, but image_urls has only 1 URL"
)]
#[case::brackets(
    "(@Image2)",
    1,
    "prompt refers to @Image2, but image_urls has only 1 URL"
)]
#[case::said_twice(
    "@Image2 and @image2",
    1,
    "prompt refers to @Image2, but image_urls has only 1 URL"
)]
#[case::beyond_numbers(
    "@Image99999999999999999999999",
    1,
    "prompt refers to @Image99999999999999999999, but image_urls has only 1 URL"
)]
fn a_reference_needs_something_to_refer_to(
    #[case] prompt: &str,
    #[case] images: usize,
    #[case] told: &str,
) {
    let body = with_prompt(prompt, &urls("image_urls", images));
    assert_eq!(faults(&body), [format!("prompt: {told}")]);
}

#[test]
fn each_kind_has_its_own_numbers() {
    let fields = [
        urls("image_urls", 3),
        urls("video_urls", 1),
        urls("audio_urls", 1),
    ]
    .join(",");
    good(&with_prompt("@Image3 @Video1 @Audio1", &fields));
    assert_eq!(
        faults(&with_prompt("@Image3 @Video2 @Audio3", &fields)),
        [
            "prompt: prompt refers to @Video2, but video_urls has only 1 URL",
            "prompt: prompt refers to @Audio3, but audio_urls has only 1 URL",
        ]
    );
}

#[rstest]
#[case::mail("write to me@image1.com")]
#[case::domain("see @image2.com")]
#[case::handle("by @image2nd and @image_2 and @images")]
#[case::no_number("the @Image of a cat, @video")]
#[case::other("@imagine2 @vid1 @1")]
#[case::dashed("@image2-studio")]
#[case::fediverse("@image2@example.com")]
#[case::at_the_end("cat @")]
fn what_only_looks_like_a_reference_is_none(#[case] prompt: &str) {
    good(&with_prompt(prompt, &urls("image_urls", 1)));
}

#[test]
fn references_are_free_text_where_the_model_takes_no_such_media() {
    good(r#"{"model":"seedance-2.0-text-to-video","prompt":"like @Image1 by @video3"}"#);
    good(
        r#"{"model":"seedance-1.5-pro","prompt":"like @video3 and @Image1","image_urls":["https://example.com/a.png"]}"#,
    );
}

#[test]
fn a_field_that_is_wrong_itself_is_not_counted() {
    let body = with_prompt("@Image1", r#""image_urls":"https://example.com/a.png""#);
    assert_eq!(
        faults(&body),
        ["image_urls: image_urls must be an array of URLs, not a string"]
    );
}

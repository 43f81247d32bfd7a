use insta::assert_json_snapshot;
use rstest::rstest;

use super::*;

fn builtin() -> Catalogue {
    Catalogue::builtin().unwrap()
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

/// A catalogue of one model that is sound, to be spoilt by the tests.
const SOUND: &str = r#"
[times]
quick = [{ up_to = 5, shortest = 10, longest = 20, estimate = 30 }, { shortest = 20, longest = 40, estimate = 60 }]

[[model]]
name = "clip-1"
kind = "video"
durations = { from = 4, to = 15 }
default_duration = 5
qualities = ["480p", "720p"]
default_quality = "720p"
aspect_ratios = ["16:9", "adaptive"]
default_aspect_ratio = "16:9"
images = { max = 9 }
prompt_bytes = 65_536
billing = "per_second"
price = { 480p = "2", 720p = "3.5568" }
times = "quick"
"#;

#[test]
fn the_builtin_catalogue_has_the_models_that_the_product_promises() {
    let catalogue = builtin();
    let names: Vec<&str> = catalogue.models().map(Model::name).collect();
    assert_json_snapshot!(names, @r#"
    [
      "seedance-2.0",
      "seedance-1.5-pro",
      "seedance-2.0-text-to-video",
      "seedance-2.0-image-to-video",
      "seedance-2.0-reference-to-video",
      "seedance-2.0-fast-text-to-video",
      "seedance-2.0-fast-image-to-video",
      "seedance-2.0-fast-reference-to-video",
      "seedance-2.0-mini-text-to-video",
      "seedance-2.0-mini-image-to-video",
      "seedance-2.0-mini-reference-to-video",
      "kling-v3-text-to-video",
      "sora-2-preview",
      "veo-3.1-fast-generate-preview"
    ]
    "#);
    assert!(catalogue.model("seedance-3.0").is_none());
}

#[rstest]
// EvoLink tutorial, rounded to whole credits; 5 s at 720p is exact.
#[case("480p", [8, 10, 20, 30])]
#[case("720p", [14, 18, 36, 53])]
#[case("1080p", [22, 28, 55, 83])]
fn estimates_fit_the_tutorials_table(#[case] quality: &str, #[case] table: [i64; 4]) {
    let catalogue = builtin();
    let model = catalogue.model("seedance-2.0").unwrap();
    for (seconds, shown) in [4, 5, 10, 15].into_iter().zip(table) {
        let order = Order {
            seconds: Some(seconds),
            quality: Some(quality),
            ..Order::default()
        };
        let micro = model.estimate(&order).micro();
        assert_eq!(
            (micro + 500_000) / 1_000_000,
            shown,
            "{seconds} s at {quality}: {micro}"
        );
    }
}

#[test]
fn five_seconds_at_720p_cost_what_evolink_billed() {
    let catalogue = builtin();
    let model = catalogue.model("seedance-2.0").unwrap();
    assert_eq!(model.estimate(&Order::default()), credits("17.784"));
    assert_eq!(model.price(None), Some(credits("3.5568")));
    assert!(!model.assumed());
    assert_eq!(model.estimated_time(None, None), 132);
    assert_eq!(model.expected_seconds(None, None), (30, 60));
}

#[test]
fn reference_video_is_held_at_the_most_that_evolink_accepts() {
    let catalogue = builtin();
    let model = catalogue.model("seedance-2.0-reference-to-video").unwrap();
    let order = Order {
        reference_video: true,
        ..Order::default()
    };
    assert_eq!(model.estimate(&order), credits("71.136"), "20 s at 3.5568");
}

#[test]
fn sound_and_the_number_of_results_count_where_they_cost() {
    let catalogue = builtin();
    let veo = catalogue.model("veo-3.1-fast-generate-preview").unwrap();
    let order = Order {
        seconds: Some(8),
        outputs: 3,
        ..Order::default()
    };
    assert_eq!(veo.estimate(&order), credits("207.36"), "8 × 8.64 × 3");
    let silent = Order {
        audio: false,
        ..order
    };
    assert_eq!(veo.estimate(&silent), credits("138.24"), "8 × 5.76 × 3");
}

#[test]
fn a_price_per_hour_is_rounded_up_to_a_micro_credit() {
    let text = SOUND.replace("per_second", "per_hour");
    let text = text.replace(r#"{ 480p = "2", 720p = "3.5568" }"#, r#""0.000001""#);
    let catalogue = Catalogue::parse(&text).unwrap();
    let estimate = catalogue
        .model("clip-1")
        .unwrap()
        .estimate(&Order::default());
    assert_eq!(estimate.micro(), 1, "5 s of a micro-credit an hour");
}

#[test]
fn what_is_billed_by_token_is_held_at_its_ceiling() {
    let text = SOUND.replace("\"per_second\"", "\"per_token\"\nceiling = \"40\"");
    let catalogue = Catalogue::parse(&text).unwrap();
    let estimate = catalogue
        .model("clip-1")
        .unwrap()
        .estimate(&Order::default());
    assert_eq!(estimate, Credits::whole(40));
}

#[test]
fn images_and_audio_fit_the_format() {
    let text = r#"
        [times]
        image = [{ shortest = 5, longest = 30, estimate = 20 }]
        [[model]]
        name = "picture-1"
        kind = "image"
        outputs = 4
        images = { max = 14 }
        prompt_bytes = 8192
        billing = "per_image"
        price = "3"
        times = "image"
        [[model]]
        name = "song-1"
        kind = "audio"
        prompt_bytes = 8192
        billing = "per_call"
        price = "10"
        times = "image"
    "#;
    let catalogue = Catalogue::parse(text).unwrap();
    let picture = catalogue.model("picture-1").unwrap();
    assert_eq!(picture.kind(), MediaKind::Image);
    let two = Order {
        outputs: 2,
        ..Order::default()
    };
    assert_eq!(picture.estimate(&two), Credits::whole(6));
    assert_eq!(picture.expected_seconds(None, None), (5, 30));
    let song = catalogue.model("song-1").unwrap();
    assert_eq!(song.estimate(&Order::default()), Credits::whole(10));
}

#[test]
fn times_follow_length_and_quality() {
    let catalogue = builtin();
    let model = catalogue.model("seedance-2.0").unwrap();
    // EvoLink tutorial.
    assert_eq!(model.expected_seconds(Some(4), Some("480p")), (20, 40));
    assert_eq!(model.expected_seconds(Some(5), Some("720p")), (30, 60));
    assert_eq!(model.expected_seconds(Some(10), Some("720p")), (60, 90));
    assert_eq!(model.expected_seconds(Some(15), Some("1080p")), (90, 180));
    for model in catalogue.models() {
        for seconds in 1..=60 {
            for quality in [None, Some("480p"), Some("4k")] {
                let times = model.times(Some(seconds), quality);
                assert!(0 < times.shortest && times.shortest <= times.longest);
            }
        }
    }
}

#[test]
fn every_assumed_price_has_a_ceiling() {
    for model in builtin().models() {
        assert_eq!(
            model.assumed(),
            model.pricing().ceiling().is_some(),
            "{}",
            model.name()
        );
    }
}

#[test]
fn a_model_is_shown_with_its_limits_and_prices() {
    let catalogue = builtin();
    let shown =
        |name: &str| serde_json::to_string(&catalogue.model(name).unwrap().describe()).unwrap();
    assert_eq!(
        shown("seedance-2.0"),
        concat!(
            r#"{"id":"seedance-2.0","object":"model","type":"video","#,
            r#""durations":[4,5,6,7,8,9,10,11,12,13,14,15],"default_duration":5,"#,
            r#""qualities":["480p","720p","1080p"],"default_quality":"720p","#,
            r#""aspect_ratios":["16:9","9:16","1:1","4:3","3:4","21:9"],"default_aspect_ratio":"16:9","#,
            r#""outputs":1,"media":{"image_urls":{"min":0,"max":9},"video_urls":{"min":0,"max":3},"#,
            r#""audio_urls":{"min":0,"max":3}},"needs_picture":false,"prompt_bytes":65536,"#,
            r#""pricing":{"billing_rule":"per_second","#,
            r#""credits":{"480p":2,"720p":3.5568,"1080p":5.54},"reference_video_seconds":15,"#,
            r#""approximate":["480p","1080p"],"assumed":false}}"#,
        )
    );
    assert_eq!(
        shown("veo-3.1-fast-generate-preview"),
        concat!(
            r#"{"id":"veo-3.1-fast-generate-preview","object":"model","type":"video","#,
            r#""durations":[4,6,8],"default_duration":4,"#,
            r#""qualities":["720p","1080p"],"default_quality":"720p","#,
            r#""aspect_ratios":["16:9","9:16"],"default_aspect_ratio":"16:9","#,
            r#""outputs":4,"media":{"image_urls":{"min":0,"max":2},"video_urls":{"min":0,"max":0},"#,
            r#""audio_urls":{"min":0,"max":0}},"needs_picture":false,"prompt_bytes":65536,"#,
            r#""pricing":{"billing_rule":"per_second","#,
            r#""credits":{"any":8.64},"credits_without_audio":{"any":5.76},"#,
            r#""approximate":[],"assumed":true,"ceiling":277}}"#,
        )
    );
}

#[rstest]
#[case::unknown_key(
    "times = \"quick\"",
    "times = \"quick\"\ncolour = 1",
    "unknown field `colour`"
)]
#[case::missing_key("prompt_bytes = 65_536", "", "missing field `prompt_bytes`")]
#[case::kind(
    "\"video\"",
    "\"hologram\"",
    "unknown variant `hologram`, expected one of `video`, `image`, `audio` in `kind`"
)]
#[case::name("\"clip-1\"", "\"clip 1\"", "`name` must be")]
#[case::float_price("720p = \"3.5568\"", "720p = 3.5568", "must be text like \"3.5568\"")]
#[case::fine_price(
    "\"3.5568\"",
    "\"3.55680001\"",
    "`price` has `3.55680001`: finer than a micro-credit"
)]
#[case::no_number("\"3.5568\"", "\"3,5568\"", "`price` has `3,5568`: not a decimal")]
#[case::free("\"3.5568\"", "\"0\"", "`price` must be above 0")]
#[case::negative_price("\"3.5568\"", "\"-1\"", "`price` must be above 0")]
#[case::price_missing(", 720p = \"3.5568\"", "", "`price` has none for the quality `720p`")]
#[case::price_of_nothing("480p = \"2\"", "480p = \"2\", 4k = \"9\"", "`price` has `4k`")]
#[case::uncountable(
    "\"3.5568\"",
    "\"9007199254\"",
    "`price` makes the dearest request too dear"
)]
#[case::no_durations(
    "durations = { from = 4, to = 15 }",
    "",
    "`default_duration` has no `durations`"
)]
#[case::default_outside(
    "default_duration = 5",
    "default_duration = 3",
    "`durations` do not allow the default, 3"
)]
#[case::zero_length(
    "{ from = 4, to = 15 }",
    "{ from = 0, to = 15 }",
    "`durations` from 0 to 15"
)]
#[case::backwards(
    "{ from = 4, to = 15 }",
    "{ from = 15, to = 4 }",
    "`durations` from 15 to 4"
)]
#[case::unsorted(
    "{ from = 4, to = 15 }",
    "[5, 4]",
    "`durations` must list seconds above 0, in ascending order"
)]
#[case::negative_length("{ from = 4, to = 15 }", "[-5, 5]", "in `durations`")]
#[case::odd_span("{ from = 4, to = 15 }", "{ from = 4, until = 15 }", "in `durations`")]
#[case::default_quality(
    "default_quality = \"720p\"",
    "default_quality = \"1080p\"",
    "`qualities` does not have the default, `1080p`"
)]
#[case::twice(
    "[\"480p\", \"720p\"]",
    "[\"480p\", \"480p\", \"720p\"]",
    "`qualities` has `480p` twice"
)]
#[case::ratio("\"adaptive\"", "\"\"", "`aspect_ratios` has \"\"")]
#[case::no_images("{ max = 9 }", "{ max = 0 }", "`images` needs")]
#[case::min_above_max("{ max = 9 }", "{ min = 2, max = 1 }", "`images` needs")]
#[case::rule(
    "\"per_second\"",
    "\"per_mile\"",
    "`billing` must be one of: per_second"
)]
#[case::no_ceiling(
    "times = \"quick\"",
    "times = \"quick\"\nassumed = true",
    "`ceiling` is missing"
)]
#[case::low_ceiling(
    "times = \"quick\"",
    "times = \"quick\"\nassumed = true\nceiling = \"53\"",
    "`ceiling` is below the dearest request's 53.352"
)]
#[case::approximate(
    "times = \"quick\"",
    "times = \"quick\"\napproximate = [\"4k\"]",
    "`approximate` has `4k`"
)]
#[case::profile("times = \"quick\"", "times = \"slow\"", "`times` names no profile")]
fn a_mistake_is_named_with_its_model_and_key(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] told: &str,
) {
    assert!(SOUND.contains(good), "{good}");
    let error = Catalogue::parse(&SOUND.replacen(good, bad, 1)).unwrap_err();
    let CatalogueError::Model { model, .. } = &error else {
        panic!("{error}")
    };
    assert!(model.starts_with("clip"), "{error}");
    assert!(error.to_string().contains(told), "{error}");
}

#[rstest]
#[case::syntax("[[model", "TOML parse error")]
#[case::empty("", "[[model]]")]
#[case::unknown_table("[extra]\na = 1", "extra")]
#[case::open_profile(
    "[times]\nx = [{ up_to = 5, shortest = 1, longest = 2, estimate = 3 }]\n[[model]]",
    "times.x"
)]
#[case::hasty_profile(
    "[times]\nx = [{ shortest = 3, longest = 2, estimate = 3 }]\n[[model]]",
    "times.x"
)]
fn a_mistake_above_the_models_is_named(#[case] text: &str, #[case] named: &str) {
    let error = Catalogue::parse(text).unwrap_err().to_string();
    assert!(error.contains(named), "{error}");
}

#[test]
fn a_list_of_two_lengths_is_no_span() {
    let text = SOUND.replace("{ from = 4, to = 15 }", "[4, 5]");
    let catalogue = Catalogue::parse(&text).unwrap();
    let durations = catalogue.model("clip-1").unwrap().durations().unwrap();
    assert_eq!(durations.list(), [4, 5]);
    let text = SOUND.replace("{ from = 4, to = 15 }", "[5, 10]");
    let catalogue = Catalogue::parse(&text).unwrap();
    assert!(
        !catalogue
            .model("clip-1")
            .unwrap()
            .durations()
            .unwrap()
            .allows(7)
    );
}

#[test]
fn a_name_stands_for_one_model() {
    let (_, model) = SOUND.split_once("[[model]]").unwrap();
    let error = Catalogue::parse(&format!("{SOUND}\n[[model]]{model}")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the catalogue: model `clip-1`: `name` is used twice"
    );
}

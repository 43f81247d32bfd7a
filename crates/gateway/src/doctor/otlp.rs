//! The collector of spans: does it take what is sent to it?

use http::StatusCode;

use super::Finding;
use crate::config::Config;
use crate::telemetry;

const CHECK: &str = "otlp";

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let asked = telemetry::ask(&config.telemetry).await;
    let none = || Finding::off(CHECK, "no collector is set: no spans are made");
    vec![asked.map_or_else(none, judge)]
}

fn judge(asked: Result<StatusCode, String>) -> Finding {
    let status = match asked {
        Ok(status) if status.is_success() => {
            return Finding::ok(CHECK, "the collector takes spans");
        }
        Ok(status) => status.as_u16(),
        Err(why) => {
            return Finding::bad(
                CHECK,
                format!("the collector can't be reached, so that spans are lost: {why}"),
                "see whether the collector runs, telemetry.otlp_endpoint is its address for OTLP over HTTP (most \
                 often port 4318, not 4317, which is gRPC's), and this machine may call it",
            );
        }
    };
    let found = format!("the collector answers HTTP {status}, so that spans are lost");
    let to_do = match status {
        301..=308 => {
            "let telemetry.otlp_endpoint be the address itself: redirects are not followed"
        }
        401 | 403 => "put what the collector asks for into telemetry.otlp_headers",
        404 | 405 => {
            "let telemetry.otlp_endpoint be what comes before /v1/traces in the collector's address for OTLP \
             over HTTP"
        }
        429 => {
            let to_do = "wait a little: the collector has too much to do, or limits this key";
            return Finding::warning(CHECK, found, to_do);
        }
        _ => "see the collector's own log",
    };
    Finding::bad(CHECK, found, to_do)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Status;
    use super::*;

    #[rstest]
    #[case(302, Status::Bad, "redirects")]
    #[case(401, Status::Bad, "telemetry.otlp_headers")]
    #[case(404, Status::Bad, "/v1/traces")]
    #[case(429, Status::Warning, "wait")]
    #[case(503, Status::Bad, "log")]
    fn each_answer_has_its_remedy(#[case] code: u16, #[case] is: Status, #[case] remedy: &str) {
        let finding = judge(Ok(StatusCode::from_u16(code).unwrap()));
        assert_eq!(finding.status, is);
        assert!(finding.found.contains(&code.to_string()), "{finding:?}");
        assert!(finding.to_do.unwrap().contains(remedy));
    }
}

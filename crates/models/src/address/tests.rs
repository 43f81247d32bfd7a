use super::*;

mod hosts;
mod ranges;
mod urls;

fn pattern(text: &str) -> HostPattern {
    text.parse().unwrap()
}

fn closed() -> AddressPolicy {
    AddressPolicy::default()
}

#[track_caller]
fn refused(policy: &AddressPolicy, url: &str) -> String {
    match policy.judge_url(url) {
        Err(refused) => refused.to_string(),
        Ok(target) => panic!("{url} is taken as {target:?}"),
    }
}

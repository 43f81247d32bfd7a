//! Tokens that must not be taken. Each row is good but for what its name says, so that it is refused for
//! that, and for the reason beside it.

mod algorithms;
mod forms;
mod meanings;
mod registered_claims;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use rstest::rstest;

use super::kit::*;
use crate::auth::failure::Reason;

/// Presents one bad token.
async fn refused(token: &str) -> Reason {
    Kit::new().await.refused(token).await
}

#[tokio::test]
async fn without_its_flaw_the_token_is_taken() {
    Kit::new().await.present(&good()).await.unwrap();
}

/// Takes a token through the whole judgement, many times over.
fn judge_each<T: std::fmt::Debug>(tokens: impl Strategy<Value = T>, token: impl Fn(T) -> String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kit = runtime.block_on(Kit::new());
    let mut runner = TestRunner::default();
    let judged = runner.run(&tokens, |parts| {
        let token = token(parts);
        let found = runtime.block_on(kit.present(&token));
        prop_assert!(found.is_err(), "{token}");
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let good = good();
    judge_each((any::<Index>(), "[!-~]"), |(at, with)| {
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &with);
        if changed == good {
            changed.push('x');
        }
        changed
    });
}

#[test]
fn whatever_looks_like_a_token_is_refused() {
    judge_each("[!-~]{0,40}\\.[!-~]{0,40}\\.[!-~]{0,40}", |token| token);
    judge_each(("\\PC{0,60}", "\\PC{0,60}"), |(header, claims)| {
        RSA.token("RS256", header, claims)
    });
}

#[rstest]
#[case::two_authorizations(&[("authorization", "Bearer TOKEN"), ("authorization", "Bearer TOKEN")])]
#[case::another_authorization_first(&[("authorization", "Basic eDp5"), ("authorization", "Bearer TOKEN")])]
#[case::two_in_one(&[("authorization", "Bearer TOKEN, Bearer TOKEN")])]
#[case::basic(&[("authorization", "Basic TOKEN")])]
#[case::no_scheme(&[("authorization", "TOKEN")])]
#[case::scheme_alone(&[("authorization", "Bearer")])]
#[case::scheme_twice(&[("authorization", "Bearer Bearer TOKEN")])]
#[case::other_scheme(&[("authorization", "DPoP TOKEN")])]
#[case::scheme_with_a_colon(&[("authorization", "Bearer: TOKEN")])]
#[case::spaces_within(&[("authorization", "Bearer TOK EN")])]
#[case::space_after(&[("authorization", "Bearer TOKEN ")])]
#[case::tab_before(&[("authorization", "Bearer\tTOKEN")])]
#[case::quotes(&[("authorization", "Bearer \"TOKEN\"")])]
#[case::two_api_keys(&[("x-api-key", "TOKEN"), ("x-api-key", "TOKEN")])]
#[case::scheme_in_an_api_key(&[("x-api-key", "Bearer TOKEN")])]
#[case::cookie(&[("cookie", "token=TOKEN")])]
#[case::nothing(&[])]
#[tokio::test]
async fn a_good_token_in_the_wrong_place_is_refused(#[case] headers: &[(&'static str, &str)]) {
    let kit = Kit::new().await;
    let token = good();
    let (start, end) = token.split_at(40);
    let filled: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let value = value.replace("TOKEN", &token);
            (*name, value.replace("TOK EN", &format!("{start} {end}")))
        })
        .collect();
    let filled: Vec<_> = filled
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    reason(kit.present_headers(&filled).await);
}

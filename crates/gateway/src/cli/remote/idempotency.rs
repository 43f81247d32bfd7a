//! Keys under which something is done once, however often it is sent.

use evogate_store::Random;

use super::Problem;

/// The key that was given, or a new one. EvoLink takes 16 to 96 characters of `[A-Za-z0-9._-]`, a gateway
/// any that a header can carry.
pub(in crate::cli) fn idempotency_key(
    given: Option<&str>,
    prefix: &str,
    random: &dyn Random,
) -> Result<String, Problem> {
    let Some(key) = given else {
        return Ok(format!("{prefix}-{:032x}", random.bits()));
    };
    let good = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        Ok(key.to_owned())
    } else {
        Err(Problem::usage(
            "--idempotency-key must be 1 to 255 visible ASCII characters",
        ))
    }
}

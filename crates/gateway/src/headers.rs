//! Request headers that several routes read.

use axum::extract::Request;

use crate::error::ApiError;

/// The longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// The client's `Idempotency-Key`: 1 to 255 visible ASCII characters.
pub fn idempotency_key(request: &Request) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    let good = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !good || values.next().is_some() {
        let message = "Idempotency-Key must be one value of 1 to 255 visible ASCII characters";
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    Ok(Some(key.to_owned()))
}

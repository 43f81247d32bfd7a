//! Request bodies, read whole up to a limit, and as far as there is room for them.

use std::error::Error;
use std::ops::Deref;

use axum::extract::Request;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::context::Context;
use crate::error::ApiError;
use crate::load::Room;
use crate::server::BodyTimeout;

/// A whole body, and the room that it takes up.
#[derive(Debug, Default)]
pub struct Received {
    bytes: Bytes,
    room: Room,
}

impl Received {
    /// The room alone, for what the body becomes.
    pub fn into_room(self) -> Room {
        self.room
    }
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body, if it is not larger than `limit` bytes. A tenant's takes up room (`server.max_bodies`) from its
/// first byte on.
pub async fn read(request: Request, limit: usize) -> Result<Received, ApiError> {
    let declared = request.headers().get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |n| n > limit)) {
        return Err(ApiError::too_large(limit));
    }
    let context = request.extensions().get::<Context>();
    let mut room = context.map(Context::room).unwrap_or_default();
    let mut body = request.into_body();
    let mut first: Option<Bytes> = None;
    let mut whole: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let so_far = first.as_ref().map_or(whole.len(), Bytes::len);
        if data.len() > limit.saturating_sub(so_far) {
            return Err(ApiError::too_large(limit));
        }
        room.grow(data.len())?;
        // Most bodies come in one piece, which is then not copied.
        if so_far == 0 {
            first = Some(data);
            continue;
        }
        if let Some(first) = first.take() {
            let more = usize::try_from(body.size_hint().lower())
                .unwrap_or(limit)
                .min(limit);
            whole.reserve_exact(first.len().saturating_add(data.len()).saturating_add(more));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    let bytes = first.unwrap_or_else(|| whole.into());
    Ok(Received { bytes, room })
}

/// What a body that did not come whole is answered with.
fn broken_off(error: &axum::Error) -> ApiError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<BodyTimeout>() {
            return ApiError::body_timeout();
        }
        cause = error.source();
    }
    tracing::debug!(%error, "a request body broke off");
    ApiError::invalid("body", "The request body broke off")
}

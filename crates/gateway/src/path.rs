//! A segment of the path, whatever its bytes: one that is no text names nothing.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::ApiError;
use crate::state::Gateway;

/// The one variable segment of a route.
#[derive(Debug, Clone)]
pub struct Segment(pub String);

impl FromRequestParts<Gateway> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, gateway).await;
        path.map(|path| Self(path.0))
            .map_err(|_| ApiError::route_not_found())
    }
}

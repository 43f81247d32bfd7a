//! Amounts as people read them: with three digits behind the point or more, so that a column of them is in
//! line.

use evogate_models::credits::Decimal;
use serde::Deserialize;

use super::table::NOTHING;

/// `17.784`; no amount is a dash.
pub(super) fn amount(amount: impl Into<Option<Decimal>>) -> String {
    amount
        .into()
        .map_or_else(|| NOTHING.to_owned(), |amount| amount.0.to_string())
}

/// What one task is about.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct TaskCredits {
    pub(super) estimated: Decimal,
    pub(super) held: Decimal,
    pub(super) charged: Decimal,
}

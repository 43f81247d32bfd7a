//! Tables as CSV (RFC 4180), safe to open in a spreadsheet.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

/// An answer with a head and rows.
pub fn answer(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Response {
    let head = head.iter().map(|name| (*name).to_owned()).collect();
    let text: String = std::iter::once(head)
        .chain(rows)
        .map(|row| line(&row))
        .collect();
    ([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}

fn line(row: &[String]) -> String {
    let fields: Vec<String> = row.iter().map(|field| quoted(field)).collect();
    format!("{}\r\n", fields.join(","))
}

/// A field that a spreadsheet would take for a formula gets an apostrophe before it; numbers are none.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '@', '\t', '\r'])
        || (field.starts_with('-') && field.parse::<f64>().is_err());
    let field = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_formulas_are_texts() {
        for (field, shown) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("-17.784", "-17.784"),
            ("=1+1", "'=1+1"),
            ("-cmd|x", "'-cmd|x"),
            ("@sum", "'@sum"),
        ] {
            assert_eq!(quoted(field), shown);
        }
    }
}

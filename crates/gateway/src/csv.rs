//! Tables as CSV (RFC 4180), safe to open in a spreadsheet.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

/// An answer with a head and rows.
pub fn answer(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Response {
    let mut text = line(head.iter().copied());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str)));
    }
    ([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}

/// One line, with its end.
pub(crate) fn line<'a>(row: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<String> = row.into_iter().map(quoted).collect();
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

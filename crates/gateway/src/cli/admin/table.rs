//! Tables: one line for each record, so that other programs can take them apart too. On a narrow terminal
//! texts are wrapped; ids, amounts and times are never broken. Where even that leaves no room, each record is
//! told as a list of names and values.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Width, presets,
};

use crate::cli::remote::clean;

/// What stands for nothing.
pub(super) const NOTHING: &str = "-";
/// The space between two columns.
const GAP: u16 = 2;
/// A text is not wrapped into less than this.
const NARROWEST: u16 = 20;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Set {
    /// Ids, times, words: never broken.
    Firm,
    /// Amounts and counts: never broken, at the right.
    Right,
    /// Texts: broken where there is no room.
    Text,
}

/// A table with a head, or two columns of names and values.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    heads: Vec<String>,
    columns: Vec<Set>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by their heads.
    pub(in crate::cli) fn new(columns: &[(&str, Set)]) -> Self {
        Self {
            heads: columns.iter().map(|(head, _)| (*head).to_owned()).collect(),
            columns: columns.iter().map(|(_, set)| *set).collect(),
            rows: Vec::new(),
        }
    }

    /// Names and values, without a head.
    pub(super) fn pairs() -> Self {
        Self {
            heads: Vec::new(),
            columns: vec![Set::Firm, Set::Text],
            rows: Vec::new(),
        }
    }

    /// Another line.
    pub(in crate::cli) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(|text| clean(text.as_ref()));
        let filled = cells.map(|text| {
            if text.is_empty() {
                NOTHING.to_owned()
            } else {
                text
            }
        });
        self.rows.push(filled.collect());
    }

    /// A name and its value.
    pub(super) fn pair(&mut self, name: &str, value: impl AsRef<str>) {
        self.row([name, value.as_ref()]);
    }

    /// The same where there is a value.
    pub(super) fn pair_if(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.pair(name, value);
        }
    }

    /// The text for a terminal of this width; without one as wide as it needs to be.
    pub(in crate::cli) fn shown(&self, width: Option<u16>) -> String {
        if self.rows.is_empty() {
            return "none".to_owned();
        }
        let mut table = self.laid_out();
        if let Some(width) = width {
            if !self.heads.is_empty() && self.narrowest(&table) > width {
                return self.records(width);
            }
            table.set_width(width).enforce_styling();
        }
        table.trim_fmt()
    }

    fn laid_out(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .force_no_tty();
        if !self.heads.is_empty() {
            let heads = self.heads.iter().zip(&self.columns);
            let heads = heads
                .map(|(head, set)| cell(&head.to_uppercase(), *set).add_attribute(Attribute::Bold));
            table.set_header(heads.collect::<Vec<_>>());
        }
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns);
            table.add_row(
                cells
                    .map(|(text, set)| cell(text, *set))
                    .collect::<Vec<_>>(),
            );
        }
        let widths = table.column_max_content_widths();
        let columns = table.column_iter_mut().zip(&self.columns).zip(widths);
        for ((column, set), content) in columns {
            column.set_padding((0, GAP));
            column.set_constraint(match set {
                Set::Text => {
                    let least = content.min(NARROWEST).saturating_add(GAP);
                    ColumnConstraint::LowerBoundary(Width::Fixed(least))
                }
                Set::Firm | Set::Right => ColumnConstraint::ContentWidth,
            });
        }
        table
    }

    /// The width below which it can't be shown.
    fn narrowest(&self, table: &comfy_table::Table) -> u16 {
        let widths = table
            .column_max_content_widths()
            .into_iter()
            .zip(&self.columns);
        let least = widths.map(|(content, set)| match set {
            Set::Text => content.min(NARROWEST),
            Set::Firm | Set::Right => content,
        });
        least.fold(0, |sum, width| {
            sum.saturating_add(width).saturating_add(GAP)
        })
    }

    /// Each record by itself.
    fn records(&self, width: u16) -> String {
        let records = self.rows.iter().map(|row| {
            let mut pairs = Self::pairs();
            for (head, value) in self.heads.iter().zip(row) {
                pairs.pair(head, value);
            }
            pairs.shown(Some(width))
        });
        records.collect::<Vec<_>>().join("\n\n")
    }
}

fn cell(text: &str, set: Set) -> Cell {
    let alignment = match set {
        Set::Right => CellAlignment::Right,
        Set::Firm | Set::Text => CellAlignment::Left,
    };
    Cell::new(text).set_alignment(alignment)
}

/// A text that may be missing.
pub(super) fn or_nothing(text: Option<&str>) -> &str {
    text.unwrap_or(NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            ("key", Set::Firm),
            ("name", Set::Text),
            ("credits", Set::Right),
        ]);
        table.row([
            "key_1",
            "a name that is longer than the others are",
            "17.784",
        ]);
        table.row(["key_22", "", "9982.216"]);
        table
    }

    /// Without what makes the head bold.
    fn plain(text: &str) -> String {
        let text = text.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_record_is_a_line_where_there_is_room() {
        insta::assert_snapshot!(table().shown(None), @r"
        KEY     NAME                                        CREDITS
        key_1   a name that is longer than the others are    17.784
        key_22  -                                          9982.216
        ");
        assert_eq!(plain(&table().shown(Some(80))), table().shown(None));
    }

    #[test]
    fn on_a_narrow_terminal_only_texts_are_wrapped() {
        insta::assert_snapshot!(plain(&table().shown(Some(45))), @r"
        KEY     NAME                    CREDITS
        key_1   a name that is longer    17.784
                than the others are
        key_22  -                      9982.216
        ");
    }

    #[test]
    fn on_a_very_narrow_terminal_each_record_is_a_list() {
        insta::assert_snapshot!(table().shown(Some(30)), @r"
        key      key_1
        name     a name that is
                 longer than the
                 others are
        credits  17.784

        key      key_22
        name     -
        credits  9982.216
        ");
    }

    #[test]
    fn nothing_is_said_in_a_word_and_nothing_moves_the_cursor() {
        let mut table = Table::new(&[("name", Set::Text)]);
        assert_eq!(table.shown(None), "none");
        table.row(["a\u{1b}[2Jb"]);
        assert_eq!(table.shown(None), "NAME\na [2Jb");
    }
}

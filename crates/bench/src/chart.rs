//! The table as a picture: how much of each target is used.

use std::fmt::Write as _;

use crate::report::{Aim, Line, Number, Report};

const WIDTH: f64 = 860.0;
const LABELS: f64 = 400.0;
const ROW: f64 = 26.0;
const TOP: f64 = 44.0;
/// The length of a bar that uses its target up.
const FULL: f64 = 240.0;
/// Longer bars are cut, in parts of the target.
const LONGEST: f64 = 1.4;

/// The part of the target that is used.
fn used(line: &Line) -> Option<f64> {
    match line.aim {
        Aim::AtMost(most) => Some(line.median() / most),
        Aim::AtLeast(least) => Some(least / line.median()),
        Aim::None => None,
    }
}

/// An SVG, readable on light and dark pages.
pub(crate) fn draw(report: &Report) -> String {
    let lines: Vec<_> = report
        .lines()
        .iter()
        .filter_map(|line| Some((line, used(line)?)))
        .collect();
    let rows = (0..lines.len()).fold(0.0, |height, _| height + ROW);
    let height = TOP + rows + 12.0;
    let target = LABELS + FULL;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>What the gateway uses of each target</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <line x1=\"{target}\" y1=\"{}\" x2=\"{target}\" y2=\"{}\" stroke=\"#555\" stroke-dasharray=\"4 3\"/>\n\
         <text x=\"{target}\" y=\"24\" text-anchor=\"middle\" fill=\"#333\">target</text>\n",
        TOP - 12.0,
        TOP + rows,
    );
    let mut top = TOP;
    for (line, used) in lines {
        let (label, value) = (escape(&line.what), Number(line.median()));
        let length = used.clamp(0.0, LONGEST) * FULL;
        let colour = if used <= 1.0 { "#2f7d5b" } else { "#c0512f" };
        let middle = top + 13.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#222\">{label}</text>\n\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"16\" rx=\"2\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{middle}\" fill=\"#222\">{value} {}</text>\n",
            LABELS - 8.0,
            LABELS + length + 6.0,
            escape(line.unit),
        );
        top += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_ends_at_the_line_when_its_target_is_used_up() {
        let mut report = Report::default();
        let line = |aim, value| Line::new("a < b", "ms", vec![value], aim);
        report.extend(vec![
            line(Aim::AtMost(2.0), 2.0),
            line(Aim::AtLeast(2.0), 4.0),
            line(Aim::None, 1.0),
        ]);
        let svg = draw(&report);
        assert_eq!(svg.matches("a &lt; b").count(), 2);
        assert!(svg.contains("width=\"240.0\"") && svg.contains("width=\"120.0\""));
    }
}

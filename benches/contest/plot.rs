//! A plot of medians: a bar for the time and one for the size of each command.

use super::Median;

const ROW: usize = 26;
const LABELS: usize = 250;
const BAR: usize = 260;
const GAP: usize = 110;
const COLOURS: [(&str, &str); 3] = [("pgsnap", "#2a6f4e"), ("pg_dump", "#b5793a"), ("pg_restore", "#b5793a")];

/// The plot as SVG.
pub fn svg(medians: &[Median]) -> String {
    let (width, height) = (LABELS + 2 * (BAR + GAP), ROW * (medians.len() + 1) + 10);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let columns = [
        ("seconds", medians.iter().map(|median| median.seconds).collect::<Vec<_>>()),
        ("MB", medians.iter().map(|median| median.bytes as f64 / 1e6).collect()),
    ];
    for (column, (unit, values)) in (0..).zip(&columns) {
        let left = LABELS + column * (BAR + GAP);
        let most = values.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(*value));
        svg += &format!("<text x=\"{left}\" y=\"18\">{unit}</text>\n");
        for (row, (median, value)) in
            (1..).zip(medians.iter().zip(values)).filter(|(_, (_, value))| **value > 0.0)
        {
            let colour = COLOURS.iter().find(|(tool, _)| median.name.starts_with(tool));
            let (length, top) = (value / most * BAR as f64, row * ROW + 2);
            let (end, middle) = (left as f64 + length + 6.0, top + 15);
            svg += &format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{length:.1}\" height=\"20\" fill=\"{}\"/>\n\
                 <text x=\"{end:.1}\" y=\"{middle}\">{value:.1}</text>\n",
                colour.map_or("#7a7a7a", |(_, colour)| colour)
            );
        }
    }
    for (row, median) in (1..).zip(medians) {
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
            LABELS - 8,
            row * ROW + 17,
            median.name
        );
    }
    svg + "</svg>\n"
}

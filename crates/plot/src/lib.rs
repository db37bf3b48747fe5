//! A line plot as SVG: a logarithmic axis below, a linear or logarithmic one at the side, and
//! colours that a dark page exchanges for others.

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 122.0;
/// Columns of the legend.
const LEGEND: f64 = 270.0;

const STYLE: &str = "\
svg{color-scheme:light dark;font:13px system-ui,sans-serif}\
.page{fill:#ffffff}.ink{fill:#1c2430}.soft{fill:#566274}\
.grid{stroke:#d9dee6;stroke-width:1}.axis{stroke:#566274;stroke-width:1}\
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.title{font-weight:600;font-size:15px}\
.s0{stroke:#0b62c4}.s1{stroke:#c2410c}.s2{stroke:#13795b}.s3{stroke:#7c3aed}.s4{stroke:#a3156b}\
.d0{fill:#0b62c4}.d1{fill:#c2410c}.d2{fill:#13795b}.d3{fill:#7c3aed}.d4{fill:#a3156b}\
@media(prefers-color-scheme:dark){.page{fill:#12161d}.ink{fill:#e8edf4}.soft{fill:#a5b1c2}\
.grid{stroke:#2b3442}.axis{stroke:#a5b1c2}\
.s0{stroke:#62a8ff}.s1{stroke:#ff9d5c}.s2{stroke:#4fd1a5}.s3{stroke:#b794ff}.s4{stroke:#ff7ac0}\
.d0{fill:#62a8ff}.d1{fill:#ff9d5c}.d2{fill:#4fd1a5}.d3{fill:#b794ff}.d4{fill:#ff7ac0}}";

/// A line and its name.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its points, by rising first coordinate: above 0, and from 0 on.
    pub points: Vec<(f64, f64)>,
}

/// A plot. The axis below is logarithmic.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What stands above it.
    pub title: &'static str,
    /// What the axis below measures.
    pub below: &'static str,
    /// What the axis at the side measures.
    pub side: &'static str,
    /// Whether the axis at the side is logarithmic, too.
    pub is_log: bool,
    /// Its lines, at most five.
    pub series: Vec<Series>,
}

/// From values to places.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let measure = |value: f64| if self.is_log { value.log10() } else { value };
        let (least, most) = (measure(self.least), measure(self.most));
        let value = measure(value.max(self.least));
        (value - least) / (most - least) * (self.to - self.from) + self.from
    }

    /// Round numbers for the axis at the side.
    fn marks(&self) -> Vec<f64> {
        let mut marks = Vec::new();
        let step = if self.is_log { self.least } else { step(self.most) };
        let mut mark = self.least;
        while mark <= self.most * 1.000_1 {
            marks.push(mark);
            mark = if self.is_log { mark * 10.0 } else { mark + step };
        }
        marks
    }
}

/// A round number that fits about five times into another.
fn step(most: f64) -> f64 {
    let rough = most / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|round| round * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough)
}

impl Plot {
    /// The whole file.
    #[must_use]
    pub fn draw(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (below, side) = (self.below_scale(points().map(|(x, _)| *x)), self.side_scale());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n",
            self.title
        );
        text(&mut svg, "title ink", (LEFT - 56.0, 26.0), "start", self.title);
        for mark in side.marks() {
            let y = side.place(mark);
            line(&mut svg, "grid", (LEFT, y), (WIDTH - RIGHT, y));
            text(&mut svg, "soft", (LEFT - 8.0, y + 4.0), "end", &short(mark));
        }
        let mut sizes: Vec<f64> = points().map(|(x, _)| *x).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for mark in sizes {
            let x = below.place(mark);
            line(&mut svg, "grid", (x, TOP), (x, HEIGHT - BOTTOM));
            text(&mut svg, "soft", (x, HEIGHT - BOTTOM + 18.0), "middle", &short(mark));
        }
        let (floor, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        line(&mut svg, "axis", (LEFT, floor), (end, floor));
        text(&mut svg, "soft", ((LEFT + end) / 2.0, floor + 36.0), "middle", self.below);
        let middle = (TOP + floor) / 2.0;
        push(
            &mut svg,
            format_args!(
                "<text class=\"soft\" text-anchor=\"middle\" \
                 transform=\"translate(20 {middle:.1}) rotate(-90)\">{}</text>\n",
                self.side
            ),
        );
        for (number, series) in (0_u32..).zip(&self.series) {
            draw_series(&mut svg, number, series, (&below, &side));
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn below_scale(&self, values: impl Iterator<Item = f64>) -> Scale {
        let (least, most) =
            values.fold((f64::MAX, 1.0_f64), |(low, high), x| (low.min(x), high.max(x)));
        let least = 10_f64.powf(least.min(most).log10().floor());
        let most = if most <= least { least * 10.0 } else { most };
        Scale { least, most: most * 1.12, from: LEFT, to: WIDTH - RIGHT, is_log: true }
    }

    fn side_scale(&self) -> Scale {
        let values = || self.series.iter().flat_map(|series| &series.points).map(|(_, y)| *y);
        let most = values().fold(f64::MIN_POSITIVE, f64::max);
        let (least, most) = if self.is_log {
            let least = values().filter(|value| *value > 0.0).fold(most, f64::min);
            let least = 10_f64.powf(least.log10().floor());
            (least, 10_f64.powf((most * 1.05).log10().ceil()).max(least * 10.0))
        } else {
            let step = step(most);
            (0.0, (most / step).ceil() * step)
        };
        Scale { least, most, from: HEIGHT - BOTTOM, to: TOP, is_log: self.is_log }
    }
}

fn draw_series(svg: &mut String, number: u32, series: &Series, (below, side): (&Scale, &Scale)) {
    let places: Vec<(f64, f64)> =
        series.points.iter().map(|(x, y)| (below.place(*x), side.place(*y))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let path = path.join(" ");
    push(svg, format_args!("<polyline class=\"line s{number}\" points=\"{path}\"/>\n"));
    for ((x, y), (_, value)) in places.iter().zip(&series.points) {
        push(
            svg,
            format_args!(
                "<circle class=\"d{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">\
                 <title>{}: {}</title></circle>\n",
                series.name,
                short(*value)
            ),
        );
    }
    let columns = ((WIDTH - LEFT) / LEGEND).floor().max(1.0);
    let place = f64::from(number);
    let (row, column) = ((place / columns).floor(), place % columns);
    let (x, y) = (LEFT + column * LEGEND, HEIGHT - BOTTOM + 60.0 + row * 20.0);
    push(
        svg,
        format_args!(
            "<circle class=\"d{number}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4.5\"/>\n",
            y - 4.5
        ),
    );
    text(svg, "ink", (x + 11.0, y), "start", &series.name);
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    push(
        svg,
        format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
        ),
    );
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), anchor: &str, words: &str) {
    push(
        svg,
        format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>\n"
        ),
    );
}

fn push(svg: &mut String, what: std::fmt::Arguments<'_>) {
    svg.push_str(&what.to_string());
}

/// A number as a reader wants it: 0.5, 12, 3.4k, 1M.
#[must_use]
pub fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e4 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_every_point_and_the_name_of_every_line() {
        let points = vec![(1.0, 5.0), (10.0, 50.0), (1_000.0, 20.0)];
        let line = |name: &str| Series { name: name.to_owned(), points: points.clone() };
        let series = vec![line("one"), line("other")];
        let (title, below, side) = ("Costs", "topics", "ms");
        for is_log in [false, true] {
            let svg = Plot { title, below, side, is_log, series: series.clone() }.draw();
            assert_eq!(svg.matches("<polyline").count(), 2);
            assert_eq!(svg.matches("r=\"3.5\"").count(), 6);
            for words in [">Costs<", ">topics<", ">ms<", ">one<", ">other<", "one: 50<"] {
                assert!(svg.contains(words), "{words}");
            }
        }
    }

    #[test]
    fn numbers_are_short() {
        let said: Vec<String> = [0.5, 12.0, 34_000.0, 1e6, 123.4].into_iter().map(short).collect();
        assert_eq!(said, ["0.50", "12", "34k", "1M", "123"]);
    }
}

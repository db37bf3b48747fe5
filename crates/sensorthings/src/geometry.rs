//! Points, lines and areas on WGS 84, and how a point lies to them.
//!
//! Coordinates are whole numbers of 10^-7 degrees, so that where a point lies is decided exactly.
//! Everything that is asked about here stands at a point; so of two geometries one is a point. Areas
//! do not reach over the 180th meridian.

use serde_json::Value as Json;

use crate::fault::Fault;
use crate::limits::CORNERS_MAX;

/// The one coordinate reference system.
const WGS_84: &str = "SRID=4326";
/// Units of a degree.
const UNITS_PER_DEGREE: f64 = 1e7;
/// The mean radius of the earth, metres.
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Longitude and latitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) east: i64,
    pub(crate) north: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Geometry {
    Points(Vec<Point>),
    Line(Vec<Point>),
    /// Areas of rings, the outer one first.
    Areas(Vec<Vec<Vec<Point>>>),
}

/// How one geometry lies to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    Disjoint,
    Touches,
    Within,
    Overlaps,
    Crosses,
    Intersects,
    Contains,
}

/// Where a point lies to a geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lies {
    Outside,
    OnBoundary,
    Inside,
}

/// The dimensionally extended nine-intersection model: nine of `F`, `0`, `1` and `2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matrix([u8; 9]);

impl Geometry {
    /// Reads well-known text.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wanted = "POINT, MULTIPOINT, LINESTRING, POLYGON or MULTIPOLYGON in well-known text \
                      with degrees east and north";
        let fault = || Fault::malformed("geometry", wanted, text);
        let body = match text.split_once(';') {
            Some((srid, body)) if srid.trim().eq_ignore_ascii_case(WGS_84) => body.trim(),
            Some((srid, _)) => {
                let why = format!("wanted {WGS_84}, degrees on WGS 84, found another system");
                return Err(Fault::unsupported(srid, &why));
            }
            None => text.trim(),
        };
        let (name, rest) = body.split_at(body.find('(').ok_or_else(fault)?);
        let mut reader = Coordinates { rest, corners: 0 };
        let found = match name.trim().to_ascii_uppercase().as_str() {
            "POINT" => reader.points().filter(|points| points.len() == 1).map(Self::Points),
            "MULTIPOINT" => reader.loose_points().map(Self::Points),
            "LINESTRING" => reader.points().filter(|points| points.len() > 1).map(Self::Line),
            "POLYGON" => reader.area().map(|area| Self::Areas(vec![area])),
            "MULTIPOLYGON" => reader.list(Coordinates::area).map(Self::Areas),
            _ => None,
        };
        if reader.corners > CORNERS_MAX {
            return Err(Fault::too_much("geometry", CORNERS_MAX, "draw a simpler one"));
        }
        found.filter(|_| reader.rest.trim().is_empty()).ok_or_else(fault)
    }

    /// Reads a GeoJSON point, or a feature that is one.
    pub(crate) fn of(json: &Json) -> Option<Self> {
        let json = match json.get("type")?.as_str()? {
            "Feature" => json.get("geometry")?,
            _ => json,
        };
        if json.get("type")?.as_str()? != "Point" {
            return None;
        }
        let coordinates = json.get("coordinates")?.as_array()?;
        let mut numbers = coordinates.iter().map(Json::as_f64);
        let (east, north) = (numbers.next()??, numbers.next()??);
        Some(Self::Points(vec![Point::of_degrees(east, north)?]))
    }

    const fn as_point(&self) -> Option<Point> {
        match self {
            Self::Points(points) => match points.as_slice() {
                [point] => Some(*point),
                _ => None,
            },
            Self::Line(_) | Self::Areas(_) => None,
        }
    }

    /// Whether they lie so; `None` where neither is a point.
    pub(crate) fn relates(&self, relation: Relation, other: &Self) -> Option<bool> {
        use Relation::{
            Contains, Crosses, Disjoint, Equals, Intersects, Overlaps, Touches, Within,
        };
        if let Some(point) = self.as_point() {
            let lies = other.locate(point);
            return Some(match relation {
                Disjoint => lies == Lies::Outside,
                Intersects => lies != Lies::Outside,
                Touches => lies == Lies::OnBoundary,
                Within => lies == Lies::Inside,
                Equals | Contains => other.as_point() == Some(point),
                Crosses | Overlaps => false,
            });
        }
        other.as_point()?;
        let turned = match relation {
            Within => Contains,
            Contains => Within,
            Equals | Disjoint | Touches | Overlaps | Crosses | Intersects => relation,
        };
        other.relates(turned, self)
    }

    /// How their interiors, boundaries and exteriors meet; `None` where neither is a point.
    pub(crate) fn matrix(&self, other: &Self) -> Option<Matrix> {
        let Some(point) = self.as_point() else {
            other.as_point()?;
            return other.matrix(self).map(Matrix::turned);
        };
        let at = |lies| if other.locate(point) == lies { b'0' } else { b'F' };
        let alone = other.as_point() == Some(point);
        let (rest, boundary) = match other {
            Self::Points(_) => (if alone { b'F' } else { b'0' }, b'F'),
            Self::Line(points) if points.first() == points.last() => (b'1', b'F'),
            Self::Line(_) => (b'1', b'0'),
            Self::Areas(_) => (b'2', b'1'),
        };
        let (inside, on, outside) = (at(Lies::Inside), at(Lies::OnBoundary), at(Lies::Outside));
        Some(Matrix([inside, on, outside, b'F', b'F', b'F', rest, boundary, b'2']))
    }

    /// The shortest way between a point and another geometry, metres.
    pub(crate) fn distance_m(&self, other: &Self) -> Option<f64> {
        let Some(point) = self.as_point() else {
            other.as_point()?;
            return other.distance_m(self);
        };
        if other.locate(point) != Lies::Outside {
            return Some(0.0);
        }
        let nearest = |points: &[Point]| {
            let pairs = points.iter().zip(points.iter().skip(1));
            pairs.map(|(from, to)| point.to_segment_m(*from, *to)).fold(f64::INFINITY, f64::min)
        };
        let distance = match other {
            Self::Points(points) => {
                points.iter().map(|found| point.to_m(*found)).fold(f64::INFINITY, f64::min)
            }
            Self::Line(points) => nearest(points),
            Self::Areas(areas) => {
                areas.iter().flatten().map(|ring| nearest(ring)).fold(f64::INFINITY, f64::min)
            }
        };
        distance.is_finite().then_some(distance)
    }

    /// The length of a line, metres; nothing else has one.
    pub(crate) fn length_m(&self) -> f64 {
        match self {
            Self::Line(points) => {
                points.iter().zip(points.iter().skip(1)).map(|(from, to)| from.to_m(*to)).sum()
            }
            Self::Points(_) | Self::Areas(_) => 0.0,
        }
    }

    fn locate(&self, point: Point) -> Lies {
        match self {
            Self::Points(points) if points.contains(&point) => Lies::Inside,
            Self::Points(_) => Lies::Outside,
            Self::Line(points) => {
                let is_closed = points.first() == points.last();
                let is_end = [points.first(), points.last()].contains(&Some(&point));
                let pairs = points.iter().zip(points.iter().skip(1));
                let is_on = pairs.into_iter().any(|(from, to)| point.is_between(*from, *to));
                match (is_on, is_end && !is_closed) {
                    (_, true) => Lies::OnBoundary,
                    (true, false) => Lies::Inside,
                    (false, false) => Lies::Outside,
                }
            }
            Self::Areas(areas) => {
                areas.iter().map(|area| point.in_area(area)).max().unwrap_or(Lies::Outside)
            }
        }
    }
}

impl Point {
    /// `None` where it is not on earth.
    pub(crate) fn of_degrees(east: f64, north: f64) -> Option<Self> {
        let on_earth = (-180.0..=180.0).contains(&east) && (-90.0..=90.0).contains(&north);
        let units = |degrees: f64| format!("{:.0}", degrees * UNITS_PER_DEGREE).parse::<i64>();
        (on_earth).then(|| Some(Self { east: units(east).ok()?, north: units(north).ok()? }))?
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 2^31 units")]
    pub(crate) fn degrees(self) -> (f64, f64) {
        (self.east as f64 / UNITS_PER_DEGREE, self.north as f64 / UNITS_PER_DEGREE)
    }

    /// On which side of a line it is: above zero to the left.
    fn side(self, from: Self, to: Self) -> i128 {
        let (east, north) = (i128::from(to.east - from.east), i128::from(to.north - from.north));
        let (own_east, own_north) =
            (i128::from(self.east - from.east), i128::from(self.north - from.north));
        east * own_north - north * own_east
    }

    fn is_between(self, from: Self, to: Self) -> bool {
        let within = |own: i64, one: i64, two: i64| (one.min(two)..=one.max(two)).contains(&own);
        self.side(from, to) == 0
            && within(self.east, from.east, to.east)
            && within(self.north, from.north, to.north)
    }

    /// By how often a line to the east of it crosses the rings.
    fn in_area(self, rings: &[Vec<Self>]) -> Lies {
        let mut is_inside = false;
        for ring in rings {
            for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
                if self.is_between(*from, *to) {
                    return Lies::OnBoundary;
                }
                let crosses = (from.north > self.north) != (to.north > self.north);
                let upwards = to.north > from.north;
                if crosses && (self.side(*from, *to) > 0) == upwards {
                    is_inside = !is_inside;
                }
            }
        }
        if is_inside { Lies::Inside } else { Lies::Outside }
    }

    /// The way along the great circle, metres.
    fn to_m(self, other: Self) -> f64 {
        let ((east, north), (other_east, other_north)) = (self.degrees(), other.degrees());
        let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
        let across = north.to_radians().cos() * other_north.to_radians().cos();
        let part = half(north, other_north) + across * half(east, other_east);
        2.0 * EARTH_RADIUS_M * part.sqrt().min(1.0).asin()
    }

    /// To the nearest point of a segment, found on the plane that touches the earth here.
    fn to_segment_m(self, from: Self, to: Self) -> f64 {
        let (east, north) = self.degrees();
        let narrow = north.to_radians().cos();
        let flat = |point: Self| {
            let (other_east, other_north) = point.degrees();
            ((other_east - east) * narrow, other_north - north)
        };
        let ((x, y), (end_x, end_y)) = (flat(from), flat(to));
        let (along_x, along_y) = (end_x - x, end_y - y);
        let square = along_x * along_x + along_y * along_y;
        let part = if square > 0.0 { -(x * along_x + y * along_y) / square } else { 0.0 };
        let part = part.clamp(0.0, 1.0);
        let ((from_east, from_north), (to_east, to_north)) = (from.degrees(), to.degrees());
        let nearest_east = from_east + part * (to_east - from_east);
        let nearest_north = from_north + part * (to_north - from_north);
        Self::of_degrees(nearest_east, nearest_north)
            .map_or(f64::INFINITY, |nearest| self.to_m(nearest))
    }
}

impl Matrix {
    const fn turned(self) -> Self {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        Self([a, d, g, b, e, h, c, f, i])
    }

    /// Whether it is of a pattern of `T`, `F`, `*`, `0`, `1` and `2`; `None` where that is none.
    pub(crate) fn matches(self, pattern: &str) -> Option<bool> {
        let is_pattern = pattern.len() == 9 && pattern.bytes().all(|c| b"TF*012".contains(&c));
        let agree = |(found, wanted): (u8, u8)| match wanted {
            b'*' => true,
            b'T' => found != b'F',
            exact => found == exact,
        };
        is_pattern.then(|| self.0.into_iter().zip(pattern.bytes()).all(agree))
    }
}

/// What is left of well-known text.
struct Coordinates<'a> {
    rest: &'a str,
    corners: usize,
}

impl Coordinates<'_> {
    fn take(&mut self, character: char) -> bool {
        match self.rest.trim_start().strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        if !self.take('(') {
            return None;
        }
        let mut found = Vec::new();
        loop {
            found.push(read(self)?);
            if self.corners > CORNERS_MAX {
                return None;
            }
            if !self.take(',') {
                return self.take(')').then_some(found);
            }
        }
    }

    fn points(&mut self) -> Option<Vec<Point>> {
        self.list(Self::point)
    }

    /// Points, each of them in parentheses or not.
    fn loose_points(&mut self) -> Option<Vec<Point>> {
        self.list(|reader| {
            let wrapped = reader.take('(');
            let point = reader.point()?;
            (!wrapped || reader.take(')')).then_some(point)
        })
    }

    /// Rings that end where they begin.
    fn area(&mut self) -> Option<Vec<Vec<Point>>> {
        self.list(|reader| {
            let is_ring = |points: &Vec<Point>| points.len() > 3 && points.first() == points.last();
            reader.points().filter(is_ring)
        })
    }

    fn point(&mut self) -> Option<Point> {
        self.corners += 1;
        let (east, north) = (self.number()?, self.number()?);
        // A height is read and plays no part.
        if !self.rest.trim_start().starts_with([',', ')']) {
            self.number()?;
        }
        Point::of_degrees(east, north)
    }

    fn number(&mut self) -> Option<f64> {
        let rest = self.rest.trim_start();
        let end = rest.find(|next: char| !next.is_ascii_digit() && !"+-.eE".contains(next))?;
        let (number, rest) = rest.split_at(end);
        self.rest = rest;
        number.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

#[cfg(test)]
mod tests;

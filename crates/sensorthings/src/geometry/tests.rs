use proptest::prelude::*;

use super::{Geometry, Lies, Point, Relation};

fn read(text: &str) -> Geometry {
    Geometry::parse(text).unwrap()
}

#[test]
fn a_point_lies_inside_on_or_outside() {
    let park = read("POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 3 1, 3 3, 1 3, 1 1))");
    for (point, lies) in [
        ("POINT (0.5 0.5)", Lies::Inside),
        ("POINT (2 2)", Lies::Outside),
        ("POINT (4 2)", Lies::OnBoundary),
        ("POINT (1 2)", Lies::OnBoundary),
        ("POINT (0 0)", Lies::OnBoundary),
        ("POINT (5 2)", Lies::Outside),
        ("POINT (-1 0)", Lies::Outside),
        ("POINT (-1 4)", Lies::Outside),
    ] {
        let Geometry::Points(points) = read(point) else { panic!("{point}") };
        assert_eq!(park.locate(points[0]), lies, "{point}");
    }
}

#[test]
fn relations_are_those_of_simple_features() {
    use Relation::{Contains, Crosses, Disjoint, Equals, Intersects, Overlaps, Touches, Within};
    let area = read("POLYGON((0 0,2 0,2 2,0 2,0 0))");
    let line = read("LINESTRING(0 0,2 0)");
    let (inside, edge, far) = (read("POINT(1 1)"), read("POINT(1 0)"), read("POINT(3 3)"));
    for (one, relation, two, wanted) in [
        (&inside, Within, &area, true),
        (&area, Contains, &inside, true),
        (&edge, Within, &area, false),
        (&edge, Touches, &area, true),
        (&edge, Intersects, &area, true),
        (&edge, Within, &line, true),
        (&far, Disjoint, &area, true),
        (&area, Disjoint, &far, true),
        (&area, Within, &far, false),
        (&inside, Equals, &inside, true),
        (&inside, Equals, &edge, false),
        (&inside, Crosses, &area, false),
        (&inside, Overlaps, &area, false),
    ] {
        assert_eq!(one.relates(relation, two), Some(wanted), "{one:?} {relation:?} {two:?}");
    }
    assert_eq!(area.relates(Intersects, &line), None);
    let matrix = inside.matrix(&area).unwrap();
    assert_eq!(matrix.matches("T*F**F***"), Some(true));
    assert_eq!(matrix.matches("0FFFFF212"), Some(true));
    assert_eq!(area.matrix(&inside).unwrap().matches("0F2FF1FF2"), Some(true));
    assert_eq!(matrix.matches("T*F"), None);
}

#[test]
fn distances_are_metres() {
    let (station, hall) = (read("POINT(139.4870 35.3389)"), read("POINT(139.4913 35.3390)"));
    let distance = station.distance_m(&hall).unwrap();
    assert!((385.0..395.0).contains(&distance), "{distance}");
    let equator = read("LINESTRING(-1 0, 1 0)");
    let above = read("POINT(0 0.001)");
    let distance = equator.distance_m(&above).unwrap();
    assert!((111.0..111.4).contains(&distance), "{distance}");
    assert!((222_000.0..223_000.0).contains(&equator.length_m()));
}

#[test]
fn what_is_no_geometry_is_refused() {
    for text in [
        "",
        "POINT",
        "POINT()",
        "POINT(1)",
        "POINT(1 2",
        "POINT(200 0)",
        "POINT(1 2) x",
        "LINESTRING(1 2)",
        "POLYGON((0 0,1 1,2 2))",
        "POLYGON((0 0,1 0,1 1,0 1))",
        "CIRCLE(1 2)",
        "POINT(1 nan)",
    ] {
        assert!(Geometry::parse(text).is_err(), "{text}");
    }
    assert!(Geometry::parse("MULTIPOINT ((1 2), (3 4))").is_ok());
    assert!(Geometry::parse("MULTIPOLYGON (((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))").is_ok());
}

#[test]
fn coordinates_of_another_system_are_not_taken_for_degrees() {
    for text in ["SRID=4326;POINT (1 2)", "srid=4326; POINT(1 2)"] {
        assert_eq!(Geometry::parse(text), Ok(read("POINT(1 2)")), "{text}");
    }
    for text in ["SRID=3857;POINT(1 2)", "SRID=;POINT(1 2)", ";POINT(1 2)", "4326;POINT(1 2)"] {
        let fault = Geometry::parse(text).unwrap_err();
        assert!(fault.to_string().contains("wanted SRID=4326"), "{text}: {fault}");
    }
}

/// By the signed angle that a ring winds around a point: another way to the same answer.
fn winds_around(ring: &[(i32, i32)], point: (i32, i32)) -> bool {
    let angle = |(x, y): (i32, i32)| f64::from(y - point.1).atan2(f64::from(x - point.0));
    let mut total = 0.0;
    for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let mut step = angle(*to) - angle(*from);
        if step > std::f64::consts::PI {
            step -= std::f64::consts::TAU;
        } else if step < -std::f64::consts::PI {
            step += std::f64::consts::TAU;
        }
        total += step;
    }
    // Odd numbers of turns are inside, as crossings count them.
    let turns = (total / std::f64::consts::TAU).round();
    turns.rem_euclid(2.0) > 0.5
}

proptest! {
    #[test]
    fn crossings_and_windings_agree(
        ring in prop::collection::vec((-20..20_i32, -20..20_i32), 3..9),
        point in (-20..20_i32, -20..20_i32),
    ) {
        let unit = |(x, y): (i32, i32)| Point { east: i64::from(x), north: i64::from(y) };
        let closed: Vec<_> = ring.iter().chain(ring.first()).copied().map(unit).collect();
        match unit(point).in_area(&[closed]) {
            Lies::OnBoundary => {}
            lies @ (Lies::Inside | Lies::Outside) => {
                prop_assert_eq!(lies == Lies::Inside, winds_around(&ring, point));
            }
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(POINT|POLYGON|MULTIPOLYGON) ?[(), 0-9.e+-]{0,60}") {
        drop(Geometry::parse(&text));
    }
}

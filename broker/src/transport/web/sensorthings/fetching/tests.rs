use sekisho_proto::Topic;

use super::covering;

fn topics(names: &[&str]) -> Vec<Topic> {
    names.iter().map(|name| Topic::parse(name).unwrap()).collect()
}

#[test]
fn one_filter_covers_topics_and_as_little_else_as_it_can() {
    let filter = |names: &[&str]| covering(&topics(names)).map(|filter| filter.to_string());
    assert_eq!(filter(&[]), None);
    assert_eq!(filter(&["a/b/c"]).unwrap(), "a/b/c");
    assert_eq!(filter(&["a/b/c", "a/b/d"]).unwrap(), "a/b/#");
    assert_eq!(filter(&["a/b/c", "a/b"]).unwrap(), "a/b/#");
    assert_eq!(filter(&["a/b/c", "a/d"]).unwrap(), "a/#");
    let all = topics(&["a/b/c", "a/b", "a/bc/d"]);
    let found = covering(&all).unwrap();
    assert!(all.iter().all(|topic| found.matches(topic)));
}

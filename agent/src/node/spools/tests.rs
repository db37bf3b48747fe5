use std::fs;

use sekisho_proto::Topic;

use super::{left, prepare};

#[test]
fn a_spool_is_found_again_by_its_topic() {
    let folder = tempfile::tempdir().unwrap();
    let spools = folder.path().join("spools");
    assert!(left(&spools).unwrap().topics.is_empty(), "there is no folder yet");
    let topics = ["a/%2E.", "fujisawa/bus/7", "湘南/x"].map(|text| Topic::parse(text).ok());
    let topics: Vec<Topic> = topics.into_iter().flatten().collect();
    for topic in &topics {
        let first = prepare(&spools, topic).unwrap();
        assert_eq!(prepare(&spools, topic).unwrap(), first);
        fs::create_dir_all(first).unwrap();
    }
    fs::create_dir_all(spools.join("something else")).unwrap();
    let found = left(&spools).unwrap();
    assert_eq!((found.topics, found.faults.len()), (topics, 0));
}

#[test]
fn a_spool_whose_topic_is_garbage_is_named_and_the_others_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = Topic::parse("a/c").unwrap();
    let envelopes = prepare(folder.path(), &Topic::parse("a/b").unwrap()).unwrap();
    for envelopes in [&envelopes, &prepare(folder.path(), &good).unwrap()] {
        fs::create_dir_all(envelopes).unwrap();
    }
    let file = envelopes.with_file_name("topic");
    fs::write(&file, "a//b").unwrap();
    let found = left(folder.path()).unwrap();
    assert_eq!(found.topics, [good]);
    let [fault] = &found.faults[..] else { panic!("{:?}", found.faults) };
    assert!(fault.to_string().starts_with(&format!("spool {}: ", file.display())), "{fault}");
}

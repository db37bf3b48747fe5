use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use sekisho_proto::{Sample, Topic};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{InputError, Report, RunError, Sink, SinkError, run};
use crate::config::Config;

/// Keeps what it is given, and tells of it.
struct Kept {
    samples: Arc<Mutex<Vec<(String, Sample)>>>,
    told: mpsc::Sender<()>,
    fail_after: usize,
    stuck: bool,
    calls: Vec<&'static str>,
}

impl Kept {
    fn new() -> (Self, mpsc::Receiver<()>) {
        let (told, heard) = mpsc::channel(10_000);
        let kept = Self {
            samples: Arc::default(),
            told,
            fail_after: usize::MAX,
            stuck: false,
            calls: Vec::new(),
        };
        (kept, heard)
    }

    fn topics_and_times(&self) -> Vec<(String, String)> {
        let samples = self.samples.lock().unwrap();
        samples.iter().map(|(topic, sample)| (topic.clone(), sample.time.to_string())).collect()
    }
}

impl Sink for Kept {
    async fn publish(&mut self, topic: &Topic, sample: Sample) -> Result<(), SinkError> {
        if self.stuck {
            self.told.try_send(()).unwrap();
            std::future::pending::<()>().await;
        }
        let mut samples = self.samples.lock().unwrap();
        if samples.len() >= self.fail_after {
            return Err(SinkError::new("disk full"));
        }
        samples.push((topic.as_str().into(), sample));
        self.told.try_send(()).unwrap();
        Ok(())
    }

    async fn persist(&mut self) -> Result<(), SinkError> {
        self.calls.push("persist");
        if self.stuck {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.calls.push("flush");
        Ok(())
    }
}

fn input(name: &str, path: &str) -> String {
    format!(
        "[[input]]\nname = \"{name}\"\ntopic = \"a/{name}/{{bus}}\"\n\
         source = {{ kind = \"file\", path = \"{path}\" }}\nformat = \"rows\"\n"
    )
}

const ROWS: &str = r#"
    [formats.rows]
    kind = "csv"
    time = { column = "at", format = "epoch-s" }
    value = [
        { column = "latitude", name = "latitude" },
        { column = "longitude", name = "longitude" },
        { column = "pm", name = "pm2_5" },
    ]
    [replay]
    speed = "max"
"#;

const HEADER: &str = "bus,at,latitude,longitude,pm\n";

async fn replay(files: &[(&str, &str)], config: &str, sink: &mut Kept) -> Result<Report, RunError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let config = Config::parse(config, folder.path()).unwrap();
    run(&config, sink, &CancellationToken::new()).await
}

#[test]
fn one_sample_is_told_as_one() {
    let report = Report { published: 1, ..Report::default() };
    assert_eq!(report.to_string(), "1 sample published");
    assert_eq!(Report::default().to_string(), "0 samples published");
}

#[tokio::test]
async fn recordings_are_merged_by_time_and_positions_are_joined() {
    let (mut sink, _heard) = Kept::new();
    let gps = format!("{HEADER}7,10,35.5,139.5,\n7,12,36.5,139.5,\n");
    let air = format!("{HEADER}7,11,,,1.5\n7,12,,,2.5\n7,13,,,3.5\n7,90,,,4.5\n");
    let config = input("gps", "gps.csv")
        + &input("air", "air.csv")
        + "[merge]\nposition_input = \"gps\"\n"
        + ROWS;
    let files = [("gps.csv", gps.as_str()), ("air.csv", air.as_str())];
    let report = replay(&files, &config, &mut sink).await.unwrap();
    assert_eq!(
        report.to_string(),
        "6 samples published, 3 given a position, 1 not\n  \
         gps: 3 lines: 2 read, giving 2 samples; 1 skipped (header 1)\n  \
         air: 5 lines: 4 read, giving 4 samples; 1 skipped (header 1)"
    );
    assert!(report.is_complete());
    let time = |seconds: u32| format!("1970-01-01T00:00:{seconds:02}.000000Z");
    assert_eq!(
        sink.topics_and_times(),
        [
            ("a/gps/7".into(), time(10)),
            ("a/air/7".into(), time(11)),
            ("a/gps/7".into(), time(12)),
            ("a/air/7".into(), time(12)),
            ("a/air/7".into(), time(13)),
            ("a/air/7".into(), "1970-01-01T00:01:30.000000Z".into()),
        ]
    );
    let samples = sink.samples.lock().unwrap();
    let latitude = |index: usize| {
        let values = &samples[index].1.values;
        values.iter().find(|value| value.transducer.as_str() == "latitude").map(|v| v.value.clone())
    };
    assert_eq!(latitude(1), Some(sekisho_proto::Value::Float(35.5)));
    assert_eq!(latitude(3), Some(sekisho_proto::Value::Float(36.5)));
    assert_eq!(latitude(5), None, "the position is too old");
    assert_eq!(sink.calls, ["flush", "persist"]);
}

#[tokio::test]
async fn an_input_that_cannot_be_read_is_reported_and_the_others_go_on() {
    let (mut sink, _heard) = Kept::new();
    let good = format!("{HEADER}7,10,1,2,3\n");
    let config =
        input("good", "good.csv") + &input("bad", "bad.csv") + &input("gone", "gone.csv") + ROWS;
    let files = [("good.csv", good.as_str()), ("bad.csv", "bus,at,latitude\n7,10,1\n")];
    let report = replay(&files, &config, &mut sink).await.unwrap();
    assert_eq!((report.published, report.is_complete()), (1, false));
    assert!(report.inputs[0].failure.is_none());
    let Some(InputError::Format(error)) = &report.inputs[1].failure else { panic!() };
    assert_eq!(
        error.to_string(),
        r#"header: wanted each of ["longitude", "pm"] once, found ["bus", "at", "latitude"]"#
    );
    assert!(matches!(report.inputs[2].failure, Some(InputError::Source(_))));
}

#[tokio::test]
async fn a_sample_without_a_topic_is_counted_and_skipped() {
    let (mut sink, _heard) = Kept::new();
    let rows = format!("{HEADER}7/8,10,1,2,3\n8,10,1,2,3\n");
    let config = input("x", "x.csv") + ROWS;
    let report = replay(&[("x.csv", rows.as_str())], &config, &mut sink).await.unwrap();
    assert_eq!((report.published, report.without_topic), (1, 1));
}

#[tokio::test]
async fn a_sink_that_fails_stops_everything_with_its_reason() {
    let (mut sink, _heard) = Kept::new();
    sink.fail_after = 2;
    let rows = format!("{HEADER}{}", "7,10,1,2,3\n".repeat(100_000));
    let config = input("x", "x.csv") + ROWS;
    let report = replay(&[("x.csv", rows.as_str())], &config, &mut sink).await.unwrap();
    assert!(!report.is_complete());
    let failure = report.failure.unwrap();
    assert_eq!(std::error::Error::source(&failure).unwrap().to_string(), "disk full");
    assert_eq!(report.published, 2);
    assert!(report.abandoned > 0, "what was read is told");
}

#[tokio::test]
async fn many_more_rows_than_any_queue_holds_arrive_in_order() {
    let (mut sink, _heard) = Kept::new();
    let rows: String = (0..9_000).map(|at| format!("7,{at},1,2,3\n")).collect();
    let config = input("x", "x.csv") + ROWS;
    let report =
        replay(&[("x.csv", &format!("{HEADER}{rows}"))], &config, &mut sink).await.unwrap();
    assert_eq!(report.published, 9_000);
    let samples = sink.samples.lock().unwrap();
    assert!(samples.iter().map(|(_, sample)| sample.time).is_sorted());
}

#[tokio::test]
async fn a_live_agent_stops_when_told_to_and_publishes_what_it_has_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "[[input]]\nname = \"gps\"\ntopic = \"a/gps/{{stream}}\"\nformat = {{ kind = \"nmea\" }}\n\
         source = {{ kind = \"tcp\", address = \"{}\" }}\n",
        listener.local_addr().unwrap()
    );
    let config = Config::parse(&text, Path::new("")).unwrap();
    let (mut sink, mut heard) = Kept::new();
    let samples = Arc::clone(&sink.samples);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let agent = tokio::spawn(async move {
        let report = run(&config, &mut sink, &cancel).await;
        assert_eq!(sink.calls, ["persist"], "what is cancelled does not wait for a node");
        report
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    let line = b"$GPRMC,165744,A,4901.5940,N,01203.9163,E,0.0,131.9,110410,1.6,E,A*1F\r\n";
    stream.write_all(line).await.unwrap();
    heard.recv().await.unwrap();
    stream.write_all(line).await.unwrap();
    heard.recv().await.unwrap();
    stop.cancel();
    let report = agent.await.unwrap().unwrap();
    assert_eq!((report.published, report.is_complete()), (2, true));
    assert_eq!(samples.lock().unwrap()[1].0, "a/gps/rmc");
}

#[tokio::test]
async fn a_paced_replay_stops_in_the_middle_of_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.csv"), format!("{HEADER}7,0,1,2,3\n7,9999,1,2,3\n"))
        .unwrap();
    let text = input("x", "x.csv") + &ROWS.replace("max", "wall");
    let config = Config::parse(&text, folder.path()).unwrap();
    let (mut sink, mut heard) = Kept::new();
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let agent = tokio::spawn(async move { run(&config, &mut sink, &cancel).await });
    heard.recv().await.unwrap();
    stop.cancel();
    assert_eq!(agent.await.unwrap().unwrap().published, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_nothing_does_not_keep_the_agent_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let rows = format!("{HEADER}{}", "7,10,1,2,3\n".repeat(100));
    std::fs::write(folder.path().join("x.csv"), rows).unwrap();
    let config = Config::parse(&(input("x", "x.csv") + ROWS), folder.path()).unwrap();
    let (mut sink, mut heard) = Kept::new();
    sink.stuck = true;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let agent = tokio::spawn(async move { run(&config, &mut sink, &cancel).await });
    heard.recv().await.unwrap();
    stop.cancel();
    let report = agent.await.unwrap().unwrap();
    assert_eq!((report.published, report.abandoned), (0, 100));
}

/// Reads a followed file until so many samples were published, and stops in good order or not.
async fn follow_until(folder: &Path, wanted: usize, in_good_order: bool) -> Vec<String> {
    let text = "[publish]\nidentity = \"truck\"\nspool = \"spools\"\n".to_owned()
        + &input("x", "x.csv").replace("path = ", "follow = true, poll_ms = 1, path = ")
        + ROWS;
    let config = Config::parse(&text, folder).unwrap();
    let (mut sink, mut heard) = Kept::new();
    let samples = Arc::clone(&sink.samples);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let running = tokio::spawn(async move { run(&config, &mut sink, &stop).await.map(drop) });
    for _ in 0..wanted {
        heard.recv().await.unwrap();
    }
    if in_good_order {
        cancel.cancel();
        running.await.unwrap().unwrap();
    } else {
        running.abort();
    }
    samples.lock().unwrap().iter().map(|(topic, _sample)| topic.clone()).collect()
}

#[tokio::test]
async fn a_followed_file_is_gone_on_with_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let mut text = format!("{HEADER}1,10,1,2,3\n2,11,1,2,3\n3,1");
    std::fs::write(&path, &text).unwrap();
    assert_eq!(follow_until(folder.path(), 2, true).await, ["a/x/1", "a/x/2"]);

    // The line that had not ended comes whole, and the header is known.
    text += "2,1,2,3\n";
    std::fs::write(&path, &text).unwrap();
    assert_eq!(follow_until(folder.path(), 1, true).await, ["a/x/3"]);

    // What was not known to be persisted comes again.
    text += "4,13,1,2,3\n";
    std::fs::write(&path, &text).unwrap();
    assert_eq!(follow_until(folder.path(), 1, false).await, ["a/x/4"]);
    assert_eq!(follow_until(folder.path(), 1, true).await, ["a/x/4"]);

    std::fs::write(&path, format!("{HEADER}9,14,1,2,3\n")).unwrap();
    assert_eq!(follow_until(folder.path(), 1, true).await, ["a/x/9"], "another file");
}

#[tokio::test]
async fn a_file_that_is_followed_from_its_end_keeps_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let source = |from_start| crate::source::Source::Follow {
        path: folder.path().join("x"),
        from_start,
        poll: std::time::Duration::from_millis(1),
    };
    assert!(source(true).keeps_place() && !source(false).keeps_place());
}

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{EVENTS_MAX, Event, Source, SourceError, pump};

struct Pumped {
    events: mpsc::Receiver<Event>,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), SourceError>>,
}

impl Pumped {
    fn start(source: Source) -> Self {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(pump(source, None, sender, cancel.clone()));
        Self { events, cancel, task }
    }

    /// Bytes until there are as many as wanted, and nothing else between them.
    async fn bytes(&mut self, wanted: &str) {
        let mut seen = Vec::new();
        while seen.len() < wanted.len() {
            match self.events.recv().await {
                Some(Event::Bytes(bytes)) => seen.extend_from_slice(&bytes),
                other => panic!("{other:?} after {}", seen.escape_ascii()),
            }
        }
        assert_eq!(String::from_utf8_lossy(&seen), wanted);
    }

    async fn event(&mut self, wanted: Event) {
        assert_eq!(self.events.recv().await, Some(wanted));
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn follow(path: &Path, from_start: bool) -> Source {
    Source::Follow { path: path.into(), from_start, poll: Duration::from_millis(1) }
}

#[tokio::test]
async fn a_file_is_read_to_its_end_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = "0123456789\n".repeat(100_000);
    let plain = folder.path().join("plain");
    fs::write(&plain, &text).unwrap();
    let packed = folder.path().join("packed");
    let mut packer = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap();
    for (path, gzip) in [(plain, false), (packed, true)] {
        let mut pumped = Pumped::start(Source::File { path, gzip });
        pumped.bytes(&text).await;
        pumped.event(Event::Ended).await;
        assert_eq!(pumped.events.recv().await, None);
        pumped.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_missing_or_torn_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.csv");
    let error = Pumped::start(Source::File { path: path.clone(), gzip: false }).task.await.unwrap();
    let wanted = format!("{}: wanted a file that can be read", path.display());
    assert_eq!(error.unwrap_err().to_string(), wanted);

    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&[7; 100_000]).unwrap();
    let packed = packer.finish().unwrap();
    fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let mut pumped = Pumped::start(Source::File { path, gzip: true });
    while pumped.events.recv().await.is_some() {}
    assert!(pumped.task.await.unwrap().is_err());
}

#[tokio::test]
async fn a_growing_file_is_followed_over_rotation_and_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    append(&path, "one\nhal");
    let mut pumped = Pumped::start(follow(&path, true));
    pumped.bytes("one\nhal").await;
    append(&path, "f\n");
    pumped.bytes("f\n").await;

    fs::rename(&path, folder.path().join("old.csv")).unwrap();
    append(&folder.path().join("old.csv"), "late\n");
    pumped.bytes("late\n").await;
    append(&path, "new file\n");
    pumped.event(Event::Ended).await;
    pumped.bytes("new file\n").await;

    File::create(&path).unwrap();
    pumped.event(Event::Torn).await;
    append(&path, "again\n");
    pumped.bytes("again\n").await;
    pumped.stop().await;
}

#[tokio::test]
async fn a_connection_is_greeted_and_made_again_when_it_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut pumped = Pumped::start(Source::Tcp { address, greeting: b"hello\n", reconnect: true });
    for _ in 0..2 {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 6];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"hello\n");
        stream.write_all(b"one\nhal").await.unwrap();
        pumped.bytes("one\nhal").await;
        drop(stream);
        pumped.event(Event::Torn).await;
    }
    pumped.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_made_once_ends_or_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let source = Source::Tcp { address: address.clone(), greeting: b"", reconnect: false };
    let mut pumped = Pumped::start(source.clone());
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"last line").await.unwrap();
    drop(stream);
    pumped.bytes("last line").await;
    pumped.event(Event::Ended).await;
    pumped.task.await.unwrap().unwrap();

    drop(listener);
    let error = Pumped::start(source).task.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), format!("{address}: wanted a connection"));
}

#[tokio::test]
async fn a_serial_device_is_read() {
    let (mut far, near) = serialport::TTYPort::pair().unwrap();
    let path = serialport::SerialPort::name(&near).unwrap();
    let mut pumped = Pumped::start(Source::Serial { path: path.into(), baud: 38_400 });
    far.write_all(b"$GPBOD,,T,,M,,*47\n").unwrap();
    pumped.bytes("$GPBOD,,T,,M,,*47\n").await;
    far.write_all(b"more\n").unwrap();
    pumped.bytes("more\n").await;
    pumped.stop().await;
}

#[tokio::test]
async fn a_source_stops_when_it_is_told_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let pumped = Pumped::start(Source::Tcp { address, greeting: b"", reconnect: true });
    let (_stream, _) = listener.accept().await.unwrap();
    pumped.stop().await;
}

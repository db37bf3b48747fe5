//! A small file system of its own for a test: one that can lose its power, and one that can be full
//! without anybody else noticing.
//!
//! Mounting is the superuser's. Where that cannot be had, making one says what is missing, and the
//! test that wanted it says that it was skipped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const MEBIBYTE: u64 = 1 << 20;
/// `EXT4_IOC_SHUTDOWN`, `_IOR('X', 125, __u32)`.
const SHUT_DOWN: u32 = 0x8004_587d;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: what was not flushed, the journal included, is gone.
const DROP_EVERYTHING: u32 = 2;
/// The exit codes of `e2fsck` that leave a sound file system: it was, or it was mended.
const SOUND: [i32; 2] = [0, 1];

/// A mounted file system. Dropping it ends it, also where the test has failed.
#[derive(Debug)]
pub struct Volume {
    /// The disk, where it is a file.
    image: Option<PathBuf>,
    point: PathBuf,
    _folder: TempDir,
}

impl Volume {
    /// An ext4 file system in a file, as a disk has it.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn disk(mebibytes: u64) -> Result<Self, String> {
        let (folder, point) = place();
        let image = folder.path().join("disk");
        let file = File::create(&image).map_err(|fault| format!("an image: {fault}"))?;
        file.set_len(mebibytes * MEBIBYTE).map_err(|fault| format!("an image: {fault}"))?;
        ran(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let volume = Self { image: Some(image), point, _folder: folder };
        volume.mount()?;
        Ok(volume)
    }

    /// A file system in memory, which holds so much and no more.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn memory(mebibytes: u64) -> Result<Self, String> {
        let (folder, point) = place();
        let size = format!("size={mebibytes}m,mode=0700");
        ran(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&point))?;
        Ok(Self { image: None, point, _folder: folder })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Takes the power away: nothing is written any more, and what was not flushed never was.
    pub fn cut_power(&self) {
        let point = self.point.to_str().expect("a path of text");
        let python = format!(
            "import fcntl, os, struct\n\
             fcntl.ioctl(os.open({point:?}, os.O_RDONLY), {SHUT_DOWN}, struct.pack('I', {DROP_EVERYTHING}))"
        );
        let perl = format!(
            "opendir(my $d, {point:?}) or die $!; \
             ioctl($d, {SHUT_DOWN}, pack('I', {DROP_EVERYTHING})) or die $!"
        );
        let cut = ran(Command::new("python3").args(["-c", &python]))
            .or_else(|_absent| ran(Command::new("perl").args(["-e", &perl])));
        cut.expect("a file system can be shut down");
    }

    /// Lets the kernel find a fault in it, and turn it read-only for those that have files open, as
    /// it does by itself where the disk fails.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn turn_read_only(&self) -> Result<(), String> {
        let rule = ["-o", "remount,errors=remount-ro"];
        ran(Command::new("mount").args(rule).arg(&self.point))?;
        let mounted = fs::read_to_string("/proc/self/mounts").map_err(|fault| fault.to_string())?;
        let is_here = |line: &&str| line.split(' ').nth(1).map(Path::new) == Some(&self.point);
        let line = mounted.lines().find(is_here).ok_or("wanted it mounted")?;
        let device = line.split(' ').next().and_then(|device| device.strip_prefix("/dev/"));
        let device = device.ok_or_else(|| format!("wanted a disk, found {line:?}"))?;
        let fault = Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error");
        fs::write(&fault, "as if the disk had failed")
            .map_err(|error| format!("{}: {error}", fault.display()))
    }

    /// Mends what is on the disk as at a machine's start, and mounts it: behind a power cut, and when
    /// it was turned read-only. Nobody may hold a file of it.
    pub fn mend(&self) {
        ran(Command::new("umount").arg(&self.point)).expect("nobody is left on it");
        let image = self.image.as_ref().expect("a disk");
        // A network namespace that began meanwhile keeps the file system as it was, without power,
        // for as long as it lasts: what is mounted next is another disk with the same content.
        let copy = image.with_extension("copy");
        let copied = ran(Command::new("cp").arg("--sparse=always").arg(image).arg(&copy));
        copied
            .and_then(|()| fs::rename(&copy, image).map_err(|fault| fault.to_string()))
            .expect("an image can be copied");
        let mended = Command::new("e2fsck").arg("-p").arg(image).output().expect("e2fsck runs");
        let is_sound = mended.status.code().is_some_and(|code| SOUND.contains(&code));
        assert!(is_sound, "e2fsck: {mended:?}");
        self.mount().expect("it was mounted before");
    }

    /// Lets one in memory hold another amount.
    pub fn resize(&self, mebibytes: u64) {
        let size = format!("remount,size={mebibytes}m");
        ran(Command::new("mount").args(["-o", &size]).arg(&self.point)).expect("it is mounted");
    }

    fn mount(&self) -> Result<(), String> {
        let image = self.image.as_ref().ok_or("wanted a disk")?;
        ran(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&self.point))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Processes that were killed may take a moment to let go of it.
        if ran(Command::new("umount").arg(&self.point)).is_err() {
            drop(ran(Command::new("umount").arg("--lazy").arg(&self.point)));
        }
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for a file system");
    let point = folder.path().join("mounted");
    fs::create_dir(&point).expect("a folder to mount at");
    (folder, point)
}

/// Runs a command to its end; what it said where it failed.
fn ran(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.stdin(Stdio::null()).output();
    let ended = ended.map_err(|fault| format!("{name}: {fault}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).trim().replace('\n', "; ");
    Err(format!("{name}: {said}"))
}

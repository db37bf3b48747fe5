//! A disk in memory that does on demand what real ones do: lose what was not synced, tear what was
//! being written, fill up, fail, lie and rot.
//!
//! Every write goes to what a running process sees; only a sync moves it to what survives. A power
//! cut keeps of the rest nothing, everything, or what a seed draws: any subset of the sectors and
//! of the changes of names, as file systems do. The same calls with the same seeds give the same
//! bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::file::{FileState, to_u64, to_usize};
use crate::{Access, Disk, DiskFile, DiskLock, LockOutcome};

mod file;

/// Free space that a disk without a capacity tells, bytes.
const FREE_BYTES: u64 = 1 << 40;

/// What survives a power cut of what was never synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything: as when only the process was killed.
    Everything,
    /// Any subset of the written sectors of 512 bytes, of the cuts and of the changes of names, as
    /// this seed draws it.
    Drawn(u64),
    /// All that was written up to the last write, and of that the first bytes.
    TornLastWrite(usize),
}

/// A disk in memory with faults on demand. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, FileState>,
    next_file: u64,
    /// As a running process sees them.
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    directories: BTreeSet<PathBuf>,
    modes: BTreeMap<PathBuf, u32>,
    locks: BTreeMap<PathBuf, String>,
    /// Grows with each power cut; what was opened before is dead.
    boot: u64,
    nonces: u64,
    steps: u64,
    power_lasts_until: Option<u64>,
    failing_syncs: u32,
    /// `None`: for no reason that is known.
    syncs_fail_for: Option<io::ErrorKind>,
    lying: bool,
    /// Bytes of files that cannot be read.
    unreadable: BTreeSet<(u64, u64)>,
    capacity: Option<u64>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Link(PathBuf, u64),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, u64),
}

impl NameChange {
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Rename(_, path, _) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Link(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl FaultDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power and gives it back: what was not synced is lost but for what survives, locks
    /// are free, and whatever was opened before answers with errors only.
    pub fn cut_power(&self, survival: Survival) {
        let mut state = self.lock_state();
        let state = &mut *state;
        state.power_lasts_until = None;
        state.boot = state.boot.saturating_add(1);
        state.locks.clear();
        let mut draw = Draw::new(survival);
        let last_write = state.files.values().filter_map(FileState::last_write).max();
        for file in state.files.values_mut() {
            file.survive(survival, last_write, &mut draw);
        }
        for change in std::mem::take(&mut state.pending_names) {
            if draw.keeps() {
                change.apply(&mut state.durable_names);
            }
        }
        state.names.clone_from(&state.durable_names);
        state.free_unlinked();
    }

    /// Kills whoever uses the disk, and leaves the disk alone: what was written is there for the next
    /// one, and still not synced.
    pub fn kill(&self) {
        let mut state = self.lock_state();
        state.power_lasts_until = None;
        state.boot = state.boot.saturating_add(1);
        state.locks.clear();
    }

    /// Lets this many more changes through; from then on everything fails until
    /// [`cut_power`](Self::cut_power) or [`kill`](Self::kill) is called. Changes are writes, syncs, cuts, and creating,
    /// renaming and removing files.
    pub fn power_lasts_for(&self, steps: u64) {
        let mut state = self.lock_state();
        state.power_lasts_until = Some(state.steps.saturating_add(steps));
    }

    /// How many changes there have been.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock_state().steps
    }

    /// Lets nobody read a byte of a file any more; false where there is no such file.
    #[must_use]
    pub fn lose_sector(&self, path: &Path, byte: u64) -> bool {
        let mut state = self.lock_state();
        let file = state.names.get(path).copied();
        state.unreadable.extend(file.map(|file| (file, byte)));
        file.is_some()
    }

    /// Makes the next syncs of files fail. As on Linux, what they should have made durable counts
    /// as clean afterwards: a later sync says yes and keeps nothing of it.
    pub fn fail_syncs(&self, count: u32) {
        let mut state = self.lock_state();
        state.failing_syncs = count;
        state.syncs_fail_for = None;
    }

    /// The same, and has them say that the disk is full, as where space is given only then.
    pub fn fail_syncs_for_space(&self, count: u32) {
        let mut state = self.lock_state();
        state.failing_syncs = count;
        state.syncs_fail_for = Some(io::ErrorKind::StorageFull);
    }

    /// Makes every sync say yes and do nothing, or stops that.
    pub fn lie_about_syncs(&self, lying: bool) {
        self.lock_state().lying = lying;
    }

    /// Sets how many bytes all files together may take; `None` for no limit. A write that does not
    /// fit writes what does and fails.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock_state().capacity = bytes;
    }

    /// Bytes that all files together take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.lock_state().used_bytes()
    }

    /// Inverts bits of a byte, also in what survives; false where there is no such byte.
    #[must_use]
    pub fn rot(&self, path: &Path, byte: usize, bits: u8) -> bool {
        self.lock_state().file_mut(path).is_some_and(|file| file.rot(byte, bits))
    }

    /// Replaces a file's content, also what survives; creates the file where there is none.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.lock_state();
        let state = &mut *state;
        let file = match state.names.get(path) {
            Some(file) => *file,
            None => state.new_file(),
        };
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
        state.files.insert(file, FileState::holding(content));
    }

    /// A file's content as a running process sees it.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.lock_state().file_mut(path).map(|file| file.content().to_vec())
    }

    /// Sets the permission bits that a file or directory tells.
    pub fn set_mode(&self, path: &Path, mode: u32) {
        self.lock_state().modes.insert(path.to_owned(), mode);
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, state: &State, file: u64) -> io::Result<Box<dyn DiskFile>> {
        let open = state.files.get(&file).ok_or(io::ErrorKind::NotFound)?.open();
        let disk = Arc::clone(&self.state);
        Ok(Box::new(FaultFile { state: disk, file, boot: state.boot, _open: open }))
    }
}

impl State {
    /// Whether the power is on, for something that changes nothing.
    fn look(&self) -> io::Result<()> {
        match self.power_lasts_until {
            Some(until) if self.steps >= until => Err(no_power()),
            Some(_) | None => Ok(()),
        }
    }

    fn step(&mut self) -> io::Result<()> {
        self.look()?;
        self.steps = self.steps.saturating_add(1);
        Ok(())
    }

    fn new_file(&mut self) -> u64 {
        self.next_file = self.next_file.saturating_add(1);
        self.next_file
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn file_mut(&mut self, path: &Path) -> Option<&mut FileState> {
        let file = self.names.get(path)?;
        self.files.get_mut(file)
    }

    fn used_bytes(&self) -> u64 {
        let linked = self.names.values().filter_map(|file| self.files.get(file));
        linked.map(|file| to_u64(file.content().len())).fold(0, u64::saturating_add)
    }

    /// Frees files that have no name any more, will not get one back and are not open.
    fn free_unlinked(&mut self) {
        let mut linked: BTreeSet<u64> = self.names.values().copied().collect();
        linked.extend(self.durable_names.values());
        self.files.retain(|file, content| linked.contains(file) || content.is_open());
    }

    fn free_bytes(&self) -> u64 {
        let free = |capacity: u64| capacity.saturating_sub(self.used_bytes());
        self.capacity.map_or(FREE_BYTES, free)
    }
}

impl Disk for FaultDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock_state();
        state.step()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.new_file();
        state.files.insert(file, FileState::default());
        state.change_name(NameChange::Link(path.to_owned(), file));
        self.handle(&state, file)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.lock_state();
        state.look()?;
        let file = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.handle(&state, *file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.step()?;
        state.change_name(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.lock_state();
        state.look()?;
        if !state.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        let names = inside.filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.look()?;
        for above in directory.ancestors() {
            state.directories.insert(above.to_owned());
        }
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        if state.lying {
            return Ok(());
        }
        let pending = std::mem::take(&mut state.pending_names);
        for change in pending {
            if change.directory() == Some(directory) {
                change.apply(&mut state.durable_names);
            } else {
                state.pending_names.push(change);
            }
        }
        state.free_unlinked();
        Ok(())
    }

    fn access(&self, path: &Path) -> io::Result<Access> {
        let state = self.lock_state();
        state.look()?;
        let usual = match (state.directories.contains(path), state.names.contains_key(path)) {
            (true, _) => 0o700,
            (false, true) => 0o600,
            (false, false) => return Err(io::ErrorKind::NotFound.into()),
        };
        let mode = state.modes.get(path).copied().unwrap_or(usual);
        Ok(Access { mode, foreign: false })
    }

    fn free_bytes(&self, _directory: &Path) -> io::Result<u64> {
        let state = self.lock_state();
        state.look()?;
        Ok(state.free_bytes())
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockOutcome> {
        let mut state = self.lock_state();
        state.look()?;
        if let Some(owner) = state.locks.get(path) {
            return Ok(LockOutcome::Taken { owner: owner.clone() });
        }
        state.locks.insert(path.to_owned(), owner.to_owned());
        let (disk, path, boot) = (Arc::clone(&self.state), path.to_owned(), state.boot);
        Ok(LockOutcome::Held(Box::new(FaultLock { disk, path, boot })))
    }

    fn nonce(&self) -> u64 {
        let mut state = self.lock_state();
        state.nonces = state.nonces.saturating_add(1);
        Draw(state.nonces).next()
    }
}

#[derive(Debug)]
struct FaultLock {
    disk: Arc<Mutex<State>>,
    path: PathBuf,
    boot: u64,
}

impl DiskLock for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct FaultFile {
    state: Arc<Mutex<State>>,
    file: u64,
    boot: u64,
    _open: Arc<()>,
}

impl FaultFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.boot == self.boot { Ok(state) } else { Err(no_power()) }
    }
}

impl DiskFile for FaultFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.state()?;
        state.look()?;
        let end = offset.saturating_add(to_u64(buffer.len()));
        if state.unreadable.range((self.file, offset)..(self.file, end)).next().is_some() {
            return Err(io::Error::other("the sector cannot be read"));
        }
        let content = state.files.get(&self.file).map(FileState::content).unwrap_or_default();
        let rest = content.get(to_usize(offset)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        state.step()?;
        let (free, step) = (state.free_bytes(), state.steps);
        let file = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        let end = offset.saturating_add(to_u64(bytes.len()));
        let missing = end.saturating_sub(to_u64(file.content().len()));
        let fits = bytes.len().saturating_sub(to_usize(missing.saturating_sub(free)));
        file.write(step, to_usize(offset), bytes.get(..fits).unwrap_or(bytes));
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.step()?;
        let failing = state.failing_syncs > 0;
        state.failing_syncs = state.failing_syncs.saturating_sub(1);
        let (lying, why) = (state.lying, state.syncs_fail_for);
        let file = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        if failing {
            file.forget_pending();
            let told = why.map(io::Error::from);
            return Err(told.unwrap_or_else(|| io::Error::other("sync failed on demand")));
        }
        if !lying {
            file.sync();
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.state()?;
        state.look()?;
        Ok(state.files.get(&self.file).map_or(0, |file| to_u64(file.content().len())))
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.step()?;
        let (free, step) = (state.free_bytes(), state.steps);
        let file = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        if length.saturating_sub(to_u64(file.content().len())) > free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.set_length(step, to_usize(length));
        Ok(())
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

/// Random numbers from a seed: SplitMix64.
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    fn new(survival: Survival) -> Self {
        match survival {
            Survival::Drawn(seed) => Self(seed),
            Survival::Nothing => Self(NONE),
            Survival::Everything | Survival::TornLastWrite(_) => Self(ALL),
        }
    }

    /// Whether something that was not synced survives.
    pub(crate) fn keeps(&mut self) -> bool {
        match self.0 {
            NONE => false,
            ALL => true,
            _ => self.next() & 1 == 1,
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// States that stand for no draw at all.
const NONE: u64 = u64::MAX;
const ALL: u64 = u64::MAX - 1;

#[cfg(test)]
mod tests;

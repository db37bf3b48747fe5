//! What disks do to what they were given: bits turn, and what was said to be kept is not.

use std::path::{Path, PathBuf};

use super::{Context, Simulation, context};
use crate::{
    failure::{Broken, ensure},
    node::{DIRECTORY, Node, Started},
};

/// A file with a bit turned, and what it held before.
#[derive(Debug)]
pub(super) struct Rotten {
    node: usize,
    path: PathBuf,
    content: Vec<u8>,
}

impl Simulation {
    pub(super) fn start(&mut self, city: usize) -> Result<(), Broken> {
        let mut context = context!(self);
        let Some(node) = self.nodes.get_mut(city).filter(|node| !node.is_gone) else {
            return Ok(());
        };
        node.disk.set_capacity(None);
        match node.start(&mut context)? {
            Started::Up => {
                self.rotten.retain(|rotten| rotten.node != city);
                self.forget_lost(city);
            }
            Started::Down => {}
            Started::Refused(why) => self.mend(city, &why)?,
        }
        Ok(())
    }

    /// A node does not start from what its disk holds. What rotted is put back from a copy, as
    /// somebody does who looks after a node; a disk that lied is no use any more.
    fn mend(&mut self, city: usize, why: &str) -> Result<(), Broken> {
        self.ledger.counts.refused_to_start += 1;
        self.ledger.note(&[why.as_bytes()]);
        let (rotten, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.rotten).into_iter().partition(|rotten| rotten.node == city);
        self.rotten = others;
        let Some(node) = self.nodes.get_mut(city) else { return Ok(()) };
        let lied = self.ledger.doubt(city).lied;
        ensure(!rotten.is_empty() || lied, || format!("node {city} does not start: {why}"))?;
        node.is_gone = rotten.is_empty();
        for Rotten { path, content, .. } in rotten.into_iter().rev() {
            node.disk.put(&path, &content);
        }
        Ok(())
    }

    /// What a disk has lost in spite of what it said, nobody reads again.
    pub(super) fn forget_lost(&mut self, city: usize) {
        if !self.ledger.doubt(city).lied {
            return;
        }
        let head = self.ledger.head(city);
        for reader in self.subscribers.iter_mut().filter(|reader| reader.city == city) {
            reader.void(head);
        }
    }

    /// A bit turns: in a segment of the log at any time, in any other file while nobody has it open.
    pub(super) fn rot(&mut self, city: usize) {
        let Some(node) = self.nodes.get(city) else { return };
        let is_up = node.is_up();
        let mut files = self.files(node, &Path::new(DIRECTORY).join("log"), is_up);
        if !is_up {
            files.extend(self.files(node, Path::new(DIRECTORY), false));
        }
        let Some((path, content)) = self.random.pick(&files).cloned() else { return };
        let (byte, bit) = (self.random.index(content.len()), self.random.below(8));
        let is_segment = is_segment(&path);
        if !self.turned.insert((city, path.clone(), byte)) || !node.disk.rot(&path, byte, 1 << bit)
        {
            return;
        }
        self.ledger.counts.rotted += 1;
        self.ledger.doubt_mut(city).rotten = true;
        if !is_segment {
            self.rotten.push(Rotten { node: city, path, content });
        }
    }

    fn files(&self, node: &Node, directory: &Path, only_segments: bool) -> Vec<(PathBuf, Vec<u8>)> {
        use sekisho_store::Disk as _;
        let names = node.disk.list(directory).unwrap_or_default();
        names
            .into_iter()
            .map(|name| directory.join(name))
            .filter(|path| !only_segments || is_segment(path))
            .filter_map(|path| node.disk.content(&path).map(|content| (path, content)))
            .filter(|(_, content)| !content.is_empty())
            .collect()
    }

    /// From now on a disk keeps nothing, whatever it says.
    pub(super) fn lie(&mut self, city: usize) {
        let mut context = context!(self);
        if let Some(node) = self.nodes.get_mut(city) {
            node.lie(&mut context);
        }
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "segment")
}

//! Lets redb work on any [`Disk`](crate::Disk), so that its file meets the same faults in tests.

use std::io;

use redb::StorageBackend;

use crate::DiskFile;

#[derive(Debug)]
pub(crate) struct DiskBackend(pub(crate) Box<dyn DiskFile>);

impl StorageBackend for DiskBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let filled = self.0.read_at(offset, out)?;
        if filled < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_length(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        // Also a full disk found here leaves unknown what is on it, and does not pass.
        self.0.sync().map_err(io::Error::other)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}

//! A disk in memory that tells what was synced from what was only written, and that can fail.

use std::io::{Error, Result};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

/// Clones share the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Writes and syncs until it fails.
    left: Option<u32>,
    failed: bool,
}

impl State {
    fn work(&mut self) -> Result<()> {
        match &mut self.left {
            Some(0) => {
                self.failed = true;
                return Err(Error::other("the disk failed"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl Disk {
    /// The same disk, as it is found when the power is back.
    pub(super) fn after_a_power_cut(&self) -> Self {
        let synced = self.0.lock().unwrap().synced.clone();
        let state = State {
            written: synced.clone(),
            synced,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// From now on it takes so many writes and syncs.
    pub(super) fn fail_after(&self, writes: u32) {
        self.0.lock().unwrap().left = Some(writes);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().failed
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).unwrap();
        let end = start + out.len();
        out.copy_from_slice(&self.0.lock().unwrap().written[start..end]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.work()?;
        state.written.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.work()?;
        state.synced = state.written.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.work()?;
        let start = usize::try_from(offset).unwrap();
        state.written[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

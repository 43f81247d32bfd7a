//! Uploaded files: what stands behind EvoLink's files host. They live 72 h; 100 at most.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::{Millis, SECOND};
use crate::state::{Record, StateFile};

pub(crate) const FILE_LIMIT: usize = 100;
pub(crate) const SIZE_LIMIT: usize = 100 * 1024 * 1024;
const LIFE: Millis = 72 * 60 * 60 * SECOND;

/// What is known of an uploaded file beside its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) file_id: String,
    pub(crate) file_name: String,
    pub(crate) original_name: String,
    pub(crate) upload_path: String,
    pub(crate) mime_type: String,
    pub(crate) file_size: usize,
    pub(crate) uploaded: Millis,
}

impl StoredFile {
    pub(crate) fn expires(&self) -> Millis {
        self.uploaded.saturating_add(LIFE)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<String, (StoredFile, Bytes)>,
    state: Option<Arc<StateFile>>,
}

impl Files {
    pub(crate) fn kept_in(state: Option<Arc<StateFile>>) -> Self {
        Self {
            files: BTreeMap::new(),
            state,
        }
    }

    /// Takes over what a state file says.
    pub(crate) fn restore(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record {
            Record::File(file) => {
                if let Some(path) = self.content_path(&file.file_id) {
                    let bytes = fs::read(path)?;
                    self.files.insert(
                        file.file_id.clone(),
                        (StoredFile::clone(file), bytes.into()),
                    );
                }
            }
            Record::FileGone(id) => {
                self.files.remove(id.as_ref());
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.files
            .values()
            .map(|(file, _)| Record::File(std::borrow::Cow::Borrowed(file)))
    }

    /// False when there are too many already.
    pub(crate) fn add(&mut self, file: StoredFile, bytes: Bytes) -> bool {
        self.expire(file.uploaded);
        if self.files.len() >= FILE_LIMIT {
            return false;
        }
        if let (Some(state), Some(path)) = (&self.state, self.content_path(&file.file_id)) {
            let written =
                fs::create_dir_all(state.content_folder()).and_then(|()| fs::write(path, &bytes));
            match written {
                Ok(()) => state.append(&Record::File(std::borrow::Cow::Borrowed(&file))),
                Err(error) => tracing::error!(%error, "an uploaded file cannot be kept"),
            }
        }
        self.files.insert(file.file_id.clone(), (file, bytes));
        true
    }

    /// False when there is no such file.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        if self.files.remove(id).is_none() {
            return false;
        }
        if let Some(state) = &self.state {
            state.append(&Record::FileGone(id.into()));
        }
        if let Some(path) = self.content_path(id)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "an uploaded file was not there any more");
        }
        true
    }

    pub(crate) fn get(&self, id: &str, now: Millis) -> Option<&(StoredFile, Bytes)> {
        self.files.get(id).filter(|(file, _)| now < file.expires())
    }

    /// All files that are still alive.
    pub(crate) fn all(&mut self, now: Millis) -> Vec<&StoredFile> {
        self.expire(now);
        self.files.values().map(|(file, _)| file).collect()
    }

    fn expire(&mut self, now: Millis) {
        let expired: Vec<String> = self
            .files
            .values()
            .filter(|(file, _)| now >= file.expires())
            .map(|(file, _)| file.file_id.clone())
            .collect();
        for id in expired {
            self.remove(&id);
        }
    }

    fn content_path(&self, id: &str) -> Option<PathBuf> {
        self.state
            .as_ref()
            .map(|state| state.content_folder().join(id))
    }
}

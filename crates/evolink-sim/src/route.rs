//! Every route of the simulator, in one readable list.

use hyper::Method;
use serde::{Deserialize, Serialize};

use crate::catalogue::Kind;

/// What a request asks for, as rules and the journal name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// `POST /v1/{videos,images,audios}/generations`.
    Create,
    /// `GET /v1/tasks/{id}`.
    Read,
    /// `POST /v1/tasks/{id}/cancel`.
    Cancel,
    /// `GET /v1/tasks`.
    List,
    /// `POST /v1/tasks/batch`.
    Batch,
    /// `GET /v1/credits`.
    Credits,
    /// `GET /v1/models`.
    Models,
    /// Everything under `/api/v1/files`.
    Files,
    /// A result or an uploaded file.
    Download,
    /// What the simulator itself sends to a `callback_url`.
    Callback,
    /// A path that EvoLink does not have.
    Other,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Create(Kind),
    Read(String),
    Cancel(String),
    List,
    Batch,
    Credits,
    Models,
    UploadBase64,
    UploadStream,
    UploadUrl,
    FileList,
    FileQuota,
    FileDelete(String),
    /// A result by its file name.
    Result(String),
    /// An uploaded file by its id.
    Upload(String),
    /// The control routes, with what follows `/_sim`.
    Control(Vec<String>),
    Unknown,
}

impl Route {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let named = |name: &&str| (*name).to_owned();
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "videos", "generations"]) => Self::Create(Kind::Video),
            ("POST", ["v1", "images", "generations"]) => Self::Create(Kind::Image),
            ("POST", ["v1", "audios", "generations"]) => Self::Create(Kind::Audio),
            ("GET", ["v1", "tasks"]) => Self::List,
            ("POST", ["v1", "tasks", "batch"]) => Self::Batch,
            ("GET", ["v1", "tasks", id]) => Self::Read(named(id)),
            ("POST", ["v1", "tasks", id, "cancel"]) => Self::Cancel(named(id)),
            ("GET", ["v1", "credits"]) => Self::Credits,
            ("GET", ["v1", "models"]) => Self::Models,
            ("POST", ["api", "v1", "files", "upload", "base64"]) => Self::UploadBase64,
            ("POST", ["api", "v1", "files", "upload", "stream"]) => Self::UploadStream,
            ("POST", ["api", "v1", "files", "upload", "url"]) => Self::UploadUrl,
            ("GET", ["api", "v1", "files", "list"]) => Self::FileList,
            ("GET", ["api", "v1", "files", "quota"]) => Self::FileQuota,
            ("DELETE", ["api", "v1", "files", id]) => Self::FileDelete(named(id)),
            ("GET" | "HEAD", ["files", name]) => Self::Result(named(name)),
            ("GET" | "HEAD", ["uploads", id, _name]) => Self::Upload(named(id)),
            (_, ["_sim", rest @ ..]) => Self::Control(rest.iter().map(named).collect()),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::Create,
            Self::Read(_) => Operation::Read,
            Self::Cancel(_) => Operation::Cancel,
            Self::List => Operation::List,
            Self::Batch => Operation::Batch,
            Self::Credits => Operation::Credits,
            Self::Models => Operation::Models,
            Self::UploadBase64
            | Self::UploadStream
            | Self::UploadUrl
            | Self::FileList
            | Self::FileQuota
            | Self::FileDelete(_) => Operation::Files,
            Self::Result(_) | Self::Upload(_) => Operation::Download,
            Self::Control(_) | Self::Unknown => Operation::Other,
        }
    }

    /// The task that the path names.
    pub(crate) fn task_id(&self) -> Option<&str> {
        match self {
            Self::Read(id) | Self::Cancel(id) => Some(id),
            Self::Result(name) => name.rsplit_once('.').map(|(id, _)| id),
            _ => None,
        }
    }

    /// Result URLs are public: whoever has one may fetch it.
    pub(crate) fn needs_key(&self) -> bool {
        !matches!(self, Self::Result(_) | Self::Upload(_))
    }
}

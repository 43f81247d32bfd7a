//! EvoLink's files host, `/api/v1/files/…`: uploads in three forms, the list, the quota, deletion.
//!
//! Its answers have a shape of their own: `{success, code, msg, data}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::convert::Infallible;

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::clock::Millis;
use crate::files::{FILE_LIMIT, SIZE_LIMIT, StoredFile};
use crate::refusal::{Refusal, not_found};
use crate::routes::results::ranged;

const PAGE_SIZE: usize = 20;

/// What an upload brings along, in whichever form.
#[derive(Default)]
struct Incoming {
    bytes: Bytes,
    original_name: Option<String>,
    file_name: Option<String>,
    upload_path: Option<String>,
    mime_type: Option<String>,
}

/// `POST /api/v1/files/upload/base64`: `{base64_data, upload_path?, file_name?}`, also as a data URL.
pub(crate) fn upload_base64(call: &Call) -> Answer {
    let Some((fields, data)) = fields_with(call, "base64_data") else {
        return failed(StatusCode::BAD_REQUEST, "base64_data is required");
    };
    let (mime_type, encoded) = match data.split_once(";base64,") {
        Some((head, encoded)) => (head.strip_prefix("data:").map(str::to_owned), encoded),
        None => (None, data.as_str()),
    };
    let Ok(bytes) = STANDARD.decode(encoded) else {
        return failed(StatusCode::BAD_REQUEST, "base64_data is not valid base64");
    };
    store(
        &call.app,
        Incoming {
            bytes: bytes.into(),
            mime_type,
            ..named(&fields)
        },
    )
}

/// `POST /api/v1/files/upload/url`: `{file_url, upload_path?, file_name?}`. The simulator fetches nothing:
/// the file is there, but empty.
pub(crate) fn upload_url(call: &Call) -> Answer {
    let Some((fields, url)) = fields_with(call, "file_url") else {
        return failed(StatusCode::BAD_REQUEST, "file_url is required");
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return failed(StatusCode::BAD_REQUEST, "file_url must be an http(s) URL");
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let original_name = path.rsplit('/').next().map(str::to_owned);
    store(
        &call.app,
        Incoming {
            original_name,
            ..named(&fields)
        },
    )
}

/// `POST /api/v1/files/upload/stream`: multipart with `file`, `uploadPath?` and `fileName?`.
pub(crate) async fn upload_stream(call: &Call) -> Answer {
    match multipart(call).await {
        Ok(Some(upload)) => store(&call.app, upload),
        Ok(None) => failed(StatusCode::BAD_REQUEST, "file is required"),
        Err(error) => failed(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn multipart(call: &Call) -> Result<Option<Incoming>, multer::Error> {
    let boundary = multer::parse_boundary(call.header("content-type").unwrap_or_default())?;
    let body = call.body.clone();
    let stream = futures::stream::once(async { Ok::<_, Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut upload = Incoming::default();
    let mut has_file = false;
    while let Some(part) = parts.next_field().await? {
        match part.name() {
            Some("file") => {
                upload.original_name = part.file_name().map(str::to_owned);
                upload.mime_type = part.content_type().map(ToString::to_string);
                upload.bytes = part.bytes().await?;
                has_file = true;
            }
            Some("uploadPath" | "upload_path") => upload.upload_path = Some(part.text().await?),
            Some("fileName" | "file_name") => upload.file_name = Some(part.text().await?),
            _ => {}
        }
    }
    Ok(has_file.then_some(upload))
}

/// `GET /api/v1/files/list?page&pageSize`.
pub(crate) fn list(call: &Call) -> Answer {
    let number = |name, default| {
        call.query(name)
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|number| *number > 0)
            .unwrap_or(default)
    };
    let (page, page_size) = (number("page", 1), number("pageSize", PAGE_SIZE));
    let app = &call.app;
    let mut files = app.files();
    let all = files.all(app.clock.now());
    let shown: Vec<Value> = all
        .iter()
        .skip((page - 1).saturating_mul(page_size))
        .take(page_size)
        .map(|file| describe(app, file))
        .collect();
    done(&json!({"total": all.len(), "page": page, "pageSize": page_size, "files": shown}))
}

/// `GET /api/v1/files/quota`.
pub(crate) fn quota(call: &Call) -> Answer {
    let used = call.app.files().all(call.app.clock.now()).len();
    done(&json!({
        "user_group": "default",
        "max_files": FILE_LIMIT,
        "used_files": used,
        "remain_files": FILE_LIMIT.saturating_sub(used),
    }))
}

/// `DELETE /api/v1/files/{id}`.
pub(crate) fn delete(call: &Call, id: &str) -> Answer {
    if call.app.files().remove(id) {
        done(&Value::Null)
    } else {
        failed(StatusCode::NOT_FOUND, "File not found")
    }
}

/// `GET /uploads/{id}/{name}`: the file itself.
pub(crate) fn download(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let (file, bytes) = call
        .app
        .files()
        .get(id, call.app.clock.now())
        .cloned()
        .ok_or_else(|| not_found("File not found"))?;
    ranged(call, &file.mime_type, bytes)
}

/// The body's text fields, and the one without which it means nothing.
fn fields_with(call: &Call, name: &str) -> Option<(Value, String)> {
    let fields: Value = serde_json::from_slice(&call.body).ok()?;
    let value = text(&fields, name)?;
    Some((fields, value))
}

fn named(fields: &Value) -> Incoming {
    Incoming {
        file_name: text(fields, "file_name"),
        upload_path: text(fields, "upload_path"),
        ..Incoming::default()
    }
}

fn text(fields: &Value, name: &str) -> Option<String> {
    fields.get(name)?.as_str().map(str::to_owned)
}

fn store(app: &App, upload: Incoming) -> Answer {
    if upload.bytes.len() > SIZE_LIMIT {
        return failed(
            StatusCode::PAYLOAD_TOO_LARGE,
            "File size exceeds 100MB limit",
        );
    }
    let file_id = format!("file_{}", app.random.letters(24));
    let extension = upload.mime_type.as_deref().map_or("bin", extension_of);
    let original_name = upload
        .original_name
        .or_else(|| upload.file_name.clone())
        .unwrap_or_else(|| format!("{file_id}.{extension}"));
    let mime_type = upload
        .mime_type
        .unwrap_or_else(|| mime_type_of(&original_name).to_owned());
    let file = StoredFile {
        file_name: upload.file_name.unwrap_or_else(|| original_name.clone()),
        original_name,
        upload_path: upload.upload_path.unwrap_or_default(),
        mime_type,
        file_size: upload.bytes.len(),
        uploaded: app.clock.now(),
        file_id,
    };
    let description = describe(app, &file);
    if app.files().add(file, upload.bytes) {
        done(&description)
    } else {
        failed(StatusCode::FORBIDDEN, "File quota exceeded")
    }
}

fn describe(app: &App, file: &StoredFile) -> Value {
    let name: String = url::form_urlencoded::byte_serialize(file.file_name.as_bytes()).collect();
    let url = format!("{}/uploads/{}/{name}", app.base_url, file.file_id);
    json!({
        "file_id": file.file_id,
        "file_name": file.file_name,
        "original_name": file.original_name,
        "file_size": file.file_size,
        "mime_type": file.mime_type,
        "upload_path": file.upload_path,
        "file_url": url,
        "download_url": url,
        "upload_time": moment(file.uploaded),
        "expires_at": moment(file.expires()),
    })
}

fn moment(at: Millis) -> String {
    i64::try_from(at / 1000)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(String::new, |moment| moment.to_string())
}

const TYPES: [(&str, &str); 8] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("mp4", "video/mp4"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
];

fn extension_of(mime_type: &str) -> &'static str {
    TYPES
        .iter()
        .find(|(_, known)| *known == mime_type)
        .map_or("bin", |(extension, _)| extension)
}

fn mime_type_of(name: &str) -> &'static str {
    let extension = name.rsplit('.').next().unwrap_or_default();
    TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(extension))
        .map_or("application/octet-stream", |(_, mime_type)| mime_type)
}

fn done(data: &Value) -> Answer {
    Answer::json(&json!({"success": true, "code": 200, "msg": "success", "data": data}))
}

fn failed(status: StatusCode, message: &str) -> Answer {
    let mut answer = Answer::json(
        &json!({"success": false, "code": status.as_u16(), "msg": message, "data": null}),
    );
    answer.status = status;
    answer
}

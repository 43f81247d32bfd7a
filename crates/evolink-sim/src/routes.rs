//! What each route does when nothing goes wrong.

pub(crate) mod control;
mod create;
mod files;
mod results;
mod tasks;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::catalogue;
use crate::fault::Faults;
use crate::refusal::{Refusal, not_found};
use crate::route::Route;

/// Does the work.
pub(crate) async fn dispatch(call: &Call, faults: &Faults) -> Result<Answer, Refusal> {
    let config = &call.app.config;
    match &call.route {
        Route::Create(kind) => create::create(call, *kind, faults).await,
        Route::Read(id) => tasks::read(call, id, faults),
        Route::Cancel(id) => tasks::cancel(call, id),
        Route::List if config.list_reads => tasks::list(call),
        Route::Batch if config.batch_reads => tasks::batch(call),
        Route::Credits => Ok(Answer::json(&credits(&call.app))),
        Route::Models => Ok(Answer::json(&models())),
        Route::Result(name) => results::result(call, name),
        Route::Upload(id) => files::download(call, id),
        Route::UploadBase64 => Ok(files::upload_base64(call)),
        Route::UploadStream => Ok(files::upload_stream(call).await),
        Route::UploadUrl => Ok(files::upload_url(call)),
        Route::FileList => Ok(files::list(call)),
        Route::FileQuota => Ok(files::quota(call)),
        Route::FileDelete(id) => Ok(files::delete(call, id)),
        _ => Err(not_found("Not found")),
    }
}

fn credits(app: &App) -> Value {
    let world = app.world();
    let (remaining, used) = (world.remaining(), world.totals().billed);
    json!({
        "success": true,
        "message": "",
        "data": {
            "token": {"remaining_credits": remaining, "used_credits": used, "unlimited_credits": false},
            "user": {"remaining_credits": remaining, "used_credits": used},
        },
    })
}

fn models() -> Value {
    let models: Vec<Value> = catalogue::names()
        .map(|name| json!({"id": name, "object": "model"}))
        .collect();
    json!({"object": "list", "data": models})
}

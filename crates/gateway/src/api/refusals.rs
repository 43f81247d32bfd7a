//! Refused submits are kept for some days under their request's id, so that whoever helps a team can see
//! what was wrong. Best effort, and never in the way of the answer.

use evogate_store::refused::Refused;
use serde::Deserialize;

use crate::auth::Principal;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::Gateway;

/// What is known of a submit before it is judged.
pub(super) struct Refusals<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) principal: &'a Principal,
    pub(super) context: &'a Context,
    pub(super) route: String,
    /// The prompt, where ops switched on that it is kept.
    pub(super) prompt: Option<String>,
}

/// The longest prompt that is kept, in characters.
const LONGEST: usize = 10_000;

impl Refusals<'_> {
    /// Takes the prompt out of the body, if ops switched on that it is kept or logged, and there is one that can
    /// be read.
    pub(super) fn read(&mut self, body: &[u8]) {
        #[derive(Deserialize)]
        struct Body {
            prompt: String,
        }
        let config = &self.gateway.config;
        let (keep, log) = (config.refused.keep_prompts, config.log.prompts);
        if !keep && !log {
            return;
        }
        let read: Option<Body> = serde_json::from_slice(body).ok();
        let prompt = read.map(|body| body.prompt.chars().take(LONGEST).collect::<String>());
        if log {
            tracing::info!(prompt, "a prompt");
        }
        self.prompt = prompt.filter(|_| keep);
    }

    /// Keeps the refusal, in the background. Failures of ours are in the log, not here.
    pub(super) fn note(self, error: &ApiError) {
        let facts = error.facts();
        if facts.status >= 500 && facts.code == "internal_error" {
            return;
        }
        let refused = Refused {
            request_id: self.context.request_id().to_owned(),
            at: self.gateway.store.now(),
            tenant: self.principal.tenant.clone(),
            credential: self.principal.credential.to_string(),
            user: self.principal.user.clone(),
            route: self.route,
            status: facts.status,
            code: facts.code,
            message: facts.message,
            params: facts.params,
            prompt: self.prompt,
        };
        let gateway = self.gateway.clone();
        self.gateway.background.spawn(async move {
            if let Err(error) = gateway.store.note_refused(refused).await {
                tracing::warn!(%error, "a refused submit could not be kept");
            }
        });
    }
}

//! A Lua script, and what is asked of a server.

use std::borrow::Cow;
use std::sync::OnceLock;

use redis::Cmd;
use redis::cluster_routing::Slot;

/// A Lua script: its source, and the SHA-1 by which a server knows it once it has it.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    writes: bool,
    digest: OnceLock<String>,
}

impl Script {
    /// A script that changes something: with `store.wait_aof`, its answer waits for the disk.
    pub(crate) const fn writing(source: &'static str) -> Self {
        Self {
            source,
            writes: true,
            digest: OnceLock::new(),
        }
    }

    /// A script that only reads.
    pub(crate) const fn reading(source: &'static str) -> Self {
        Self {
            source,
            writes: false,
            digest: OnceLock::new(),
        }
    }

    fn digest(&self) -> &str {
        self.digest
            .get_or_init(|| redis::Script::new(self.source).get_hash().to_owned())
    }
}

/// One thing to ask of Redis.
#[derive(Debug, Clone)]
pub(crate) enum Call<'a> {
    /// A plain command.
    Command(Cmd),
    /// A script with its keys, all in one slot, and its arguments.
    Script(&'static Script, Texts<'a>, Texts<'a>),
}

/// Keys or arguments.
pub(crate) type Texts<'a> = Cow<'a, [Vec<u8>]>;

impl Call<'_> {
    /// What is sent: a script by its digest, or, with `load`, by its source, so that the server
    /// knows it from then on.
    pub(super) fn command(&self, load: bool) -> Cmd {
        match self {
            Self::Command(command) => command.clone(),
            Self::Script(script, keys, arguments) => {
                let (name, script) = if load {
                    ("EVAL", script.source)
                } else {
                    ("EVALSHA", script.digest())
                };
                let texts = || keys.iter().chain(arguments.iter());
                // Of all its parts, with room for a number.
                let count = keys.len().saturating_add(arguments.len()).saturating_add(3);
                let length: usize = texts().map(Vec::len).sum();
                let room = length
                    .saturating_add(name.len())
                    .saturating_add(script.len());
                let mut command = Cmd::with_capacity(count, room.saturating_add(20));
                command.arg(name).arg(script).arg(keys.len());
                for text in texts() {
                    command.arg(text);
                }
                command
            }
        }
    }

    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::Script(script, ..) if script.writes)
    }

    /// The first key: a script's first one, a command's first argument.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        match self {
            Self::Script(_, keys, _) => keys.first().cloned(),
            Self::Command(command) => match command.args_iter().nth(1)? {
                redis::Arg::Simple(key) => Some(key.to_vec()),
                _ => None,
            },
        }
    }

    pub(super) fn slot(&self) -> Option<Slot> {
        self.key().map(Slot::for_key)
    }
}

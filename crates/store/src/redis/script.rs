//! The scripts. Each file says what its keys and arguments are, what it checks before it writes, and what
//! it answers.

use super::link::Script;

/// The parts, in this order, are one script: what is shared comes first. What begins something new is
/// refused when the server's memory is used up; what ends or moves on what there is (`always`) never is.
macro_rules! source {
    (always: $($part:literal),+) => {
        concat!("#!lua flags=allow-oom\n", $(include_str!(concat!("lua/", $part)), "\n"),+)
    };
    (look: $($part:literal),+) => {
        concat!("#!lua flags=no-writes\n", $(include_str!(concat!("lua/", $part)), "\n"),+)
    };
    ($($part:literal),+) => {
        concat!("#!lua\n", $(include_str!(concat!("lua/", $part)), "\n"),+)
    };
}

/// The parts of a turn, of which what is seldom needed is made only then.
macro_rules! turn {
    ($flags:literal, $($part:literal),+) => {
        concat!(
            "#!lua", $flags, "\n",
            include_str!("lua/lib.lua"),
            "local function queues()\n",
            include_str!("lua/queue.lua"),
            "return tell, tell_low, words\nend\n",
            $(include_str!(concat!("lua/", $part)), "\n"),+
        )
    };
}

pub(super) static SUBMIT: Script =
    Script::writing(turn!("", "plan.lua", "submit.lua", "apply.lua"));
pub(super) static TURN: Script = Script::writing(turn!(
    " flags=allow-oom",
    "audit.lua",
    "timeline.lua",
    "plan.lua",
    "turn.lua",
    "apply.lua"
));
pub(super) static CLAIM_DUE: Script =
    Script::writing(source!(always: "lib.lua", "time.lua", "claim_due.lua"));
pub(super) static MAY_REFRESH: Script =
    Script::writing(source!(always: "lib.lua", "may_refresh.lua"));
pub(super) static CREATE_TENANT: Script = Script::writing(source!(
    "lib.lua",
    "account.lua",
    "audit.lua",
    "create_tenant.lua"
));
pub(super) static CHANGE_TENANT: Script = Script::writing(source!(
    always: "lib.lua", "account.lua", "audit.lua", "change_tenant.lua"
));
pub(super) static GRANT: Script = Script::writing(source!(
    "lib.lua",
    "time.lua",
    "account.lua",
    "audit.lua",
    "queue.lua",
    "grant.lua"
));
pub(super) static CHANGE_KEY: Script =
    Script::writing(source!("lib.lua", "audit.lua", "change_key.lua"));
pub(super) static CHANGE_ADMIN: Script =
    Script::writing(source!("lib.lua", "audit.lua", "change_admin.lua"));
pub(super) static CHANGE_ENDPOINT: Script = Script::writing(source!(
    always: "lib.lua", "account.lua", "audit.lua", "queue.lua", "change_endpoint.lua"
));
pub(super) static CLAIM_DELIVERIES: Script = Script::writing(source!(
    always: "lib.lua", "time.lua", "queue.lua", "claim_deliveries.lua"
));
pub(super) static PUT_DELIVERY: Script =
    Script::writing(source!(always: "lib.lua", "queue.lua", "put_delivery.lua"));
pub(super) static RETIRE: Script = Script::writing(source!(
    always: "lib.lua", "account.lua", "queue.lua", "retire.lua"
));
pub(super) static IMPORT_TENANT: Script =
    Script::writing(source!("lib.lua", "audit.lua", "import_tenant.lua"));
pub(super) static NOTE_AUDIT: Script =
    Script::writing(source!(always: "lib.lua", "audit.lua", "note_audit.lua"));
pub(super) static FOLD: Script =
    Script::writing(source!(always: "lib.lua", "account.lua", "fold.lua"));
pub(super) static JOURNAL: Script = Script::reading(source!(look: "lib.lua", "journal.lua"));
pub(super) static RETIRE_EVENT: Script =
    Script::writing(source!(always: "lib.lua", "queue.lua", "retire_event.lua"));
pub(super) static SWEEP_QUEUES: Script =
    Script::writing(source!(always: "lib.lua", "queue.lua", "sweep_queues.lua"));
pub(super) static CENSUS: Script = Script::reading(source!(look: "census.lua"));
pub(super) static FIRST: Script = Script::reading(source!(look: "first.lua"));

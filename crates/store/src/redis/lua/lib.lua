-- What every script shares. Amounts are micro-credits and times milliseconds, all below 2^53, so that Lua's
-- numbers are exact; -1 stands for none. Little end first.
--
-- An account (key `a:<tenant>`), integers of eight bytes:
--    1 version of the tenant's policy   2 flags: 1 suspended, 2 unlimited
--    3 granted  4 available  5 held  6 spent  7 platform loss  8 number of the last journal entry
--    9 unfinished tasks  10 rate of submits (GCRA, microseconds)
--   11..17 usage: day's start, day's credits, week's start, week's credits, month's start, month's credits,
--   credits ever  18 journal entries that have left, into the opening
--   19 was the tenant told that its balance is low  20 version of its endpoints
--   tasks that have left: 21 how many  22 charged  23 loss  24 newest second of their ids
--   25 threshold of a low balance
--   26..30 unfinished tasks: queued, submitting, unknown, pending, processing   31 given back of holds, ever
-- What is counted for a user or a key (`u:<tenant>:u:<user>`, `u:<tenant>:k:<key>`), the same: 1..7 usage,
--   8 flags: 1 the key is there, 2 something was counted; of a key: 9 when it expires  10 its cap;
--   of a user: 9 first seen  10 last seen  11 submits. `U:<tenant>` has the names of all of them.
-- A task (`t:<tenant>:<second and letters of its id>`): a head, then what no script looks into, then its
--   timeline. The head, by its first byte and the number of bytes:
--    1 (1) format  2 (6) version: the shard's sequence at its last change  8 (6) when EvoLink was last allowed
--    to be asked  14 (7) the operation that made the last change  21 (6) due  27 (4) last fencing token
--    31 (4) the lease's token  35 (6) the lease's end  41 (6) when EvoLink was last asked
--    47 (1) state: 1 queued, 2 submitting, 3 rejected, 0 other  48 (4) bytes before the timeline
--    52 (1) bytes of the fingerprint, which follows
--   A step of the timeline: three bytes of length, 'r' where a long timeline may leave it out, the step.
-- What leads to a task (`i:<tenant>:<idempotency key>`, `r:<tenant>:<fingerprint>`): six bytes, until when,
--   then second and letters of the task's id.
local ACCOUNT = '<i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8'
local COUNTED = '<i8i8i8i8i8i8i8i8i8i8i8'
local MOST = 9007199254740991
local call, unpack_numbers, pack_numbers = redis.call, struct.unpack, struct.pack

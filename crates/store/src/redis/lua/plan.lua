-- A turn that the rules of `evogate_models::life` made, on its way into the store. Shared by submit.lua and
-- turn.lua, which look whether it may be stored; then apply.lua stores it. Each command costs, and so does
-- each value that Lua has to make: one command reads what the turn is compared with, one writes most of it.
--
-- KEYS 1 account  2 task  3 shard's sequence; then, each where the numbers give it a place: what leads to the
--      task (idempotency key or repeat), owner of EvoLink's id, what is counted for the user, for the key,
--      the day's sums; then (`first` and on) due, the tenant's tasks, journal, what every key of the shard
--      begins with
-- ARGV 1 numbers (names below), and a byte (see `plan.rs`)  2 the task's record, from the operation up to the timeline
--      3 steps of the timeline  4 tenant, a zero byte, second and letters of the task's id
--      5 postings, six numbers each: what is added to granted, available, held and spent; 1 for a hold and
--        2 for a change of one; how much the windows count more
--      6.. the entries of the journal, one for each posting; then `audited`: the entry of the audit trail;
--      then, where `told` is not 0, endpoints that want to know of a low balance, with commas; and where it is 1,
--      of the event that goes with the turn id, JSON, targets with commas, the deliveries
-- What is stored is answered with one text: OK, the new version, what the rate stood at before, the account. An
-- answer of many parts costs both sides more.
local now, valid_for, expected, operation, due, letter, letter_before, in_flight, loss, day_start, week_start,
  month_start, submitted, outcome, charged, lead_fate, lead_until, created, user_is_new, shard, endpoints,
  remember, event_at, lead, owner, user_place, key_place, sums, first, audited, told, was_open, is_open,
  given_back, runs_out =
  unpack_numbers('<i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', ARGV[1])
local name = string.sub(ARGV[4], -18)
local read = call('MGET', unpack(KEYS, 1, first - 1))
local packed, record = read[1], read[2]
if not packed then return {'NO_TENANT'} end
-- As time.lua has it.
if valid_for ~= 0 then
  local t = call('TIME')
  local time = t[1] * 1000 + math.floor(t[2] / 1000)
  if time > now + valid_for or time < now - valid_for then return {'LATE', time} end
end

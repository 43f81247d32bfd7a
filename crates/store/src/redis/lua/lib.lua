-- What every script shares. Records are packed integers of eight bytes, little end first; amounts are
-- micro-credits and times milliseconds, all below 2^53, so that Lua's numbers are exact.
--
-- An account (key `a:<tenant>`):
--    1 version of the tenant's policy   2 flags: 1 suspended, 2 unlimited
--    3 granted  4 available  5 held  6 spent  7 platform loss  8 number of the last journal entry
--    9 unfinished tasks  10 rate of submits (GCRA, microseconds)
--   11..17 usage (see below)  18 journal entries that have left, into the opening
--   19 was the tenant told that its balance is low  20 version of its endpoints
--   tasks that have left: 21 how many  22 charged  23 loss  24 newest second of their ids
--   25 threshold of a low balance
-- A usage (of an account, a user, a key): day's start, day's credits, week's start, week's credits,
--   month's start, month's credits, credits ever.
-- A task (key `t:<tenant>:<id>`): the head, then its JSON.
--    1 version: the shard's sequence at its last change   2 the operation that made that change
--    3 due   4 last fencing token   5 the lease's token   6 the lease's end   7 refreshed
--    8 when EvoLink was last allowed to be asked   9 state: 1 queued, 2 submitting, 3 rejected, 0 other
--   -1 stands for none.
local ACCOUNT = '<' .. string.rep('i8', 25)
local USAGE = '<' .. string.rep('i8', 7)
local HEAD, HEAD_BYTES = '<' .. string.rep('i8', 9), 72
local MOST = 9007199254740991
local MOST_NOTES = 500

local unpack_numbers, pack_numbers = struct.unpack, struct.pack

-- The time of this server, in milliseconds.
local function server_time()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Is a call of `now` too old to be applied, or from a clock that is ahead of ours? Whoever sent it has
-- given it up by then. `valid_for` 0 switches the check off: for tests whose clock is not this one's.
local function out_of_time(now, valid_for)
  if valid_for == 0 then return nil end
  local time = server_time()
  if time > now + valid_for or time < now - valid_for then return time end
  return nil
end

-- A sum of a usage, saturating as `Usage::changed` does.
local function saturating(sum, change)
  local s = sum + change
  if s > MOST or s < -MOST then return MOST end
  if s < 0 then return 0 end
  return s
end

-- `Usage::changed` and `Usage::held`, on the seven numbers of `u` from place `o` on.
local function usage_changed(u, o, starts, change)
  for p = 0, 2 do
    if u[o + 2 * p] == starts[p + 1] then
      u[o + 2 * p + 1] = saturating(u[o + 2 * p + 1], change)
    end
  end
  u[o + 6] = saturating(u[o + 6], change)
end

local function usage_held(u, o, starts, amount)
  for p = 0, 2 do
    if starts[p + 1] > u[o + 2 * p] then
      u[o + 2 * p] = starts[p + 1]
      u[o + 2 * p + 1] = 0
    end
  end
  usage_changed(u, o, starts, amount)
end

local function usage_of(blob)
  if not blob then return {0, 0, 0, 0, 0, 0, 0} end
  return {unpack_numbers(USAGE, blob)}
end

-- Posts one entry (`Account::post`): what it adds to granted, available, held and spent. Answers why it
-- can't be, or nil.
local function post(account, granted, available, held, spent)
  local g, v = account[3] + granted, account[4] + available
  local h, s = account[5] + held, account[6] + spent
  for _, sum in ipairs({g, v, h, s}) do
    if sum > MOST or sum < -MOST then return 'OVERFLOW' end
  end
  if h < 0 then return 'IMPOSSIBLE' end
  account[3], account[4], account[5], account[6] = g, v, h, s
  return nil
end

local function packed_account(account)
  return pack_numbers(ACCOUNT, unpack(account, 1, 25))
end

-- Appends to the audit trail of a shard. Numbers grow with time, and differ from those of every other
-- shard in their last ten bits.
local function audit(key, shard, at, entry)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  local number = at * 1024 + shard
  if last[2] and tonumber(last[2]) >= number then number = tonumber(last[2]) + 1024 end
  redis.call('ZADD', key, string.format('%.0f', number), struct.pack('>I8', number) .. entry)
end

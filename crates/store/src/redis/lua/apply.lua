-- Applies a turn that the rules of `evogate_models::life` made: account, journal, task, timeline, keys,
-- counters, all or nothing. Shared by submit.lua and turn.lua.
--
-- KEYS 1 account  2 task  3 timeline  4 due  5 journal  6 the tenant's tasks  7 idempotency key
--      8 repeat  9 usage of users and keys  10 sums by day  11 users  12 shard's sequence
--      13 owner of EvoLink's id  14 audit trail  15 what every key of the shard begins with
-- ARGV 1 numbers (names below)  2 the task's JSON  3 its member of the due set, less the last letter
--      4 id of the task  5 fingerprint of the request  6 field of the user's usage, or ''
--      7 field of the key's usage, or ''  8 row of the day's sums  9 user, or ''
--      10 owner of EvoLink's id  11 audit entry, or ''
--      12 postings, six numbers each: what is added to granted, available, held and spent; 1 for a hold
--         and 2 for a change of one; how much the windows count more
--      13 a letter for each step of the timeline: 'r' may be left out of a long one
--      14 endpoints that want to know of a low balance, with commas between them
--      15 id of the event that goes with the turn, or ''  16 its JSON  17 its targets, with commas
--      18 the tenant
--      19.. entries of the journal, then steps of the timeline, then the event's deliveries
local now, valid_for, expected, operation, due, fence, lease_fence, lease_until, refreshed, state, unbound,
  in_flight, loss, day_start, week_start, month_start, submitted, outcome, charged, key_fate, key_until,
  repeat_fate, repeat_until, second, new_user, claims, shard, endpoints, remember, event_at =
  unpack_numbers('<' .. string.rep('i8', 30), ARGV[1])
local FIRST = 19
local OUTCOMES = {'c', 'f', 'x'}

-- Posts everything on `account` (a table, not yet written) and counts it in the usages. Answers why it
-- can't be, or nil. Writes nothing.
local low = false
local function posted(account, user, key)
  local before = account[4]
  local starts = {day_start, week_start, month_start}
  local at = 1
  for _ = 1, #ARGV[12] / 48 do
    local granted, available, held, spent, kind, change
    granted, available, held, spent, kind, change, at = unpack_numbers('<i8i8i8i8i8i8', ARGV[12], at)
    local wrong = post(account, granted, available, held, spent)
    if wrong then return wrong end
    local count = kind == 1 and usage_held or usage_changed
    if kind ~= 0 then
      count(account, 11, starts, change)
      if user then count(user, 1, starts, change) end
      if key then count(key, 1, starts, change) end
    end
  end
  account[7] = account[7] + loss
  account[9] = math.max(account[9] + in_flight, 0)
  account[8] = account[8] + #ARGV[12] / 48
  if #ARGV[12] > 0 then low = falls_low(account, before) end
  -- Who is told is known by the list of endpoints that the caller looked at.
  if (low or ARGV[15] ~= '') and account[20] ~= endpoints then return 'ENDPOINTS' end
  return nil
end

-- Writes everything. `asked` is kept from the task's head before. Answers the task's new version.
local function write(account, user, key, asked)
  local version = redis.call('INCR', KEYS[12])
  local head = pack_numbers(HEAD, version, operation, due, fence, lease_fence, lease_until, refreshed, asked, state)
  redis.call('SET', KEYS[2], head .. ARGV[2])
  redis.call('SET', KEYS[1], packed_account(account))
  local member, other = ARGV[3] .. 'b', ARGV[3] .. 'u'
  if unbound == 1 then member, other = other, member end
  if expected ~= -1 then redis.call('ZREM', KEYS[4], member, other) end
  if due ~= -1 then redis.call('ZADD', KEYS[4], due, member) end
  if expected == -1 then redis.call('ZADD', KEYS[6], second, string.sub(ARGV[4], -8)) end
  local entries = #ARGV[12] / 48
  if entries > 0 then
    redis.call('RPUSH', KEYS[5], unpack(ARGV, FIRST, FIRST - 1 + entries))
    local counted = {}
    if user then counted[1], counted[2] = ARGV[6], pack_numbers(USAGE, unpack(user, 1, 7)) end
    if key then
      counted[#counted + 1] = ARGV[7]
      counted[#counted + 1] = pack_numbers(USAGE, unpack(key, 1, 7))
    end
    if #counted > 0 then redis.call('HSET', KEYS[9], unpack(counted)) end
  end
  local steps = #ARGV[13]
  if steps > 0 then
    local first = FIRST + entries
    local room = MOST_NOTES - steps
    if not string.find(ARGV[13], 'r', 1, true) or redis.call('LLEN', KEYS[3]) <= room then
      redis.call('RPUSH', KEYS[3], unpack(ARGV, first, first + steps - 1))
    else
      local length = redis.call('LLEN', KEYS[3])
      for n = 1, steps do
        if length + n <= MOST_NOTES or string.sub(ARGV[13], n, n) ~= 'r' then
          redis.call('RPUSH', KEYS[3], ARGV[first + n - 1])
        end
      end
    end
  end
  if submitted == 1 then redis.call('HINCRBY', KEYS[10], ARGV[8] .. 's', 1) end
  if outcome ~= 0 then
    redis.call('HINCRBY', KEYS[10], ARGV[8] .. OUTCOMES[outcome], 1)
    if charged ~= 0 then redis.call('HINCRBY', KEYS[10], ARGV[8] .. 'm', string.format('%.0f', charged)) end
  end
  if new_user == 1 then
    local seen = redis.call('HGET', KEYS[11], ARGV[9])
    local first_seen, last_seen, count = now, now, 0
    if seen then first_seen, last_seen, count = unpack_numbers('<i8i8i8', seen) end
    redis.call('HSET', KEYS[11], ARGV[9], pack_numbers('<i8i8i8', first_seen, math.max(last_seen, now), count + 1))
  end
  if low then tell_low(KEYS[15], ARGV[18], account, now, words(ARGV[14])) end
  if ARGV[15] ~= '' then
    local targets = words(ARGV[17])
    local deliveries = {unpack(ARGV, FIRST + entries + steps, FIRST + entries + steps + #targets - 1)}
    tell(KEYS[15], ARGV[18], ARGV[15], ARGV[16], event_at, targets, deliveries)
  end
  return version
end

local function keep_until(key, until_, rest)
  redis.call('SET', key, pack_numbers('<i8', until_) .. rest, 'PXAT', string.format('%.0f', until_ + 86400000))
end

-- What becomes of the client's key and of the repeat record.
local function settle_keys()
  if key_fate ~= 0 then
    local known = redis.call('GET', KEYS[7])
    if known and string.sub(known, 9, 40) == ARGV[4] then
      if key_fate == 1 then
        redis.call('DEL', KEYS[7])
      else
        keep_until(KEYS[7], key_until, string.sub(known, 9))
      end
    end
  end
  if repeat_fate == 1 then
    keep_until(KEYS[8], repeat_until, ARGV[4])
  elseif repeat_fate == 2 then
    local known = redis.call('GET', KEYS[8])
    if known and string.sub(known, 9) == ARGV[4] and unpack_numbers('<i8', known) == -1 then
      redis.call('DEL', KEYS[8])
    end
  end
end

-- Lets the same request find its new task: 1 by the client's key, 2 by the request's fingerprint; 3 by
-- the client's key unless that leads elsewhere.
local function remember_task()
  local open = pack_numbers('<i8', -1) .. ARGV[4]
  if remember == 1 then
    redis.call('SET', KEYS[7], open .. ARGV[5])
  elseif remember == 3 then
    redis.call('SET', KEYS[7], open .. ARGV[5], 'NX')
  elseif remember == 2 then
    redis.call('SET', KEYS[8], open)
  end
end

-- Stores a turn, all or nothing: nothing was written yet. `account` is none where the turn leaves it alone.
-- Written in one piece: functions, like all that Lua makes anew in each call, cost more than commands.
local entries = #ARGV[5] / 48
local audit_at = 5 + entries + audited
local low = false
if account then
  local before = account[4]
  -- `Usage::held` and `Usage::changed`, on the numbers of `usage` from place `o` on.
  local function count(usage, o, kind, change)
    if kind == 1 then
      if day_start > usage[o] then usage[o], usage[o + 1] = day_start, 0 end
      if week_start > usage[o + 2] then usage[o + 2], usage[o + 3] = week_start, 0 end
      if month_start > usage[o + 4] then usage[o + 4], usage[o + 5] = month_start, 0 end
    end
    local day = usage[o] == day_start and change or 0
    local week = usage[o + 2] == week_start and change or 0
    local month = usage[o + 4] == month_start and change or 0
    usage[o + 1] = math.max(math.min(usage[o + 1] + day, MOST), 0)
    usage[o + 3] = math.max(math.min(usage[o + 3] + week, MOST), 0)
    usage[o + 5] = math.max(math.min(usage[o + 5] + month, MOST), 0)
    usage[o + 6] = math.max(math.min(usage[o + 6] + change, MOST), 0)
  end
  local at = 1
  for _ = 1, entries do
    local granted, available, held, spent, kind, change
    granted, available, held, spent, kind, change, at = unpack_numbers('<i8i8i8i8i8i8', ARGV[5], at)
    -- `Account::post`
    granted, available = account[3] + granted, account[4] + available
    held, spent = account[5] + held, account[6] + spent
    if granted > MOST or granted < -MOST or available > MOST or available < -MOST
      or held > MOST or held < -MOST or spent > MOST or spent < -MOST then
      return {'OVERFLOW'}
    end
    if held < 0 then return {'IMPOSSIBLE'} end
    account[3], account[4], account[5], account[6] = granted, available, held, spent
    if kind ~= 0 then
      count(account, 11, kind, change)
      if user then count(user, 1, kind, change) end
      if key then count(key, 1, kind, change) end
    end
  end
  account[7] = account[7] + loss
  account[8] = account[8] + entries
  account[9] = math.max(account[9] + in_flight, 0)
  if was_open ~= 0 then account[25 + was_open] = math.max(account[25 + was_open] - 1, 0) end
  if is_open ~= 0 then account[25 + is_open] = account[25 + is_open] + 1 end
  account[31] = math.min(account[31] + given_back, MOST)
  if entries > 0 then
    -- Was the balance high and is low, so that the tenant must be told? The account says whether it was.
    if account[25] == -1 or account[4] >= account[25] then
      account[19] = 0
    elseif account[19] == 0 and account[4] < before then
      account[19], low = 1, true
    end
  end
  -- Who is told is known by the list of endpoints that the caller looked at.
  if (low or told == 1) and account[20] ~= endpoints then return {'ENDPOINTS'} end
  packed = pack_numbers(ACCOUNT, unpack(account, 1, 31))
end

-- The timeline, and what it is longer by: of many steps, those that may be left out are.
local asked, steps = '\255\255\255\255\255\255', ARGV[3]
if record then
  asked = string.sub(record, 8, 13)
  local length = unpack_numbers('<i4', record, 48)
  local timeline = string.sub(record, length + 1)
  -- The least that five hundred steps take.
  if #timeline + #steps > 3500 then steps = kept_steps(timeline, steps) end
  steps = timeline .. steps
end
local version = (read[3] or 0) + 1
local at, tenant = KEYS[first + 3], string.sub(ARGV[4], 1, -20)
local sets = {KEYS[3], version, KEYS[2], '\2' .. pack_numbers('<i6', version) .. asked .. ARGV[2] .. steps}
local n = 4
if account then
  sets[n + 1], sets[n + 2] = KEYS[1], packed
  n = n + 2
end
if owner > 0 then
  sets[n + 1], sets[n + 2] = KEYS[owner], ARGV[4]
  n = n + 2
end
if user and user_is_new == 1 then
  if user[11] == 0 then user[9], user[10] = created, created end
  user[10], user[11] = math.max(user[10], created), user[11] + 1
end
local counted, place = user, user_place
for _ = 1, 2 do
  if counted then
    -- One that is new is listed by its name.
    if not read[place] then call('SADD', at .. 'U:' .. tenant, string.sub(KEYS[place], #at + #tenant + 4)) end
    if counted[8] < 2 then counted[8] = counted[8] + 2 end
    sets[n + 1], sets[n + 2] = KEYS[place], pack_numbers(COUNTED, unpack(counted, 1, 11))
    n = n + 2
  end
  counted, place = key, key_place
end
if sums > 0 then
  local day = {0, 0, 0, 0, 0}
  if read[sums] then
    day = {unpack_numbers('<i8i8i8i8i8', read[sums])}
  else
    local row = string.sub(KEYS[sums], #at + #tenant + 4)
    call('SADD', at .. 'D:' .. tenant .. ':' .. math.floor(tonumber(string.match(row, '^%d+')) / 32), row)
  end
  day[1] = day[1] + submitted
  if outcome ~= 0 then
    day[outcome + 1] = day[outcome + 1] + 1
    day[5] = math.min(day[5] + charged, MOST)
  end
  sets[n + 1], sets[n + 2] = KEYS[sums], pack_numbers('<i8i8i8i8i8', unpack(day, 1, 5))
  n = n + 2
end
if remember == 1 or remember == 2 or (remember == 3 and not read[lead]) then
  sets[n + 1], sets[n + 2] = KEYS[lead], '\255\255\255\255\255\255' .. name
  n = n + 2
end
call('MSET', unpack(sets, 1, n))

if entries > 0 then call('RPUSH', KEYS[first + 2], unpack(ARGV, 6, 5 + entries)) end
if letter_before ~= 0 and letter_before ~= letter then
  call('ZREM', KEYS[first], ARGV[4] .. string.char(letter_before))
end
if letter ~= 0 then call('ZADD', KEYS[first], due, ARGV[4] .. string.char(letter)) end
-- A task is in a set of the shard, by its age, as long as it is unfinished, or unknown (3).
if was_open == 0 and is_open ~= 0 then
  call('ZADD', at .. 'open', created, ARGV[4])
elseif was_open ~= 0 and is_open == 0 then
  call('ZREM', at .. 'open', ARGV[4])
end
if was_open ~= 3 and is_open == 3 then
  call('ZADD', at .. 'unknown', created, ARGV[4])
elseif was_open == 3 and is_open ~= 3 then
  call('ZREM', at .. 'unknown', ARGV[4])
end
-- Its results begin to run out (a time: when it ended), or do no more (-1).
if runs_out > 0 then
  call('ZADD', at .. 'expiring', runs_out, ARGV[4])
elseif runs_out ~= 0 then
  call('ZREM', at .. 'expiring', ARGV[4])
end
if expected == -1 then call('ZADD', KEYS[first + 1], string.sub(name, 1, 10), string.sub(name, 11)) end
-- 1 leads to nothing any more, 2 leads to the task until then: if it leads to this task.
if lead_fate ~= 0 and (lead_fate == 3 or (read[lead] and string.sub(read[lead], 7) == name)) then
  if lead_fate == 1 then
    call('DEL', KEYS[lead])
  elseif lead_fate == 4 then
    -- Unless its client is to find it for a while.
    if unpack_numbers('<i6', read[lead]) == -1 then call('DEL', KEYS[lead]) end
  else
    call('SET', KEYS[lead], pack_numbers('<i6', lead_until) .. name, 'PXAT', lead_until + 86400000)
  end
end
if audited == 1 then audit(at .. 'audit', shard, now, ARGV[audit_at]) end
if low or told == 1 then
  local tell, tell_low, words = queues()
  if low then tell_low(at, tenant, account, now, words(told > 0 and ARGV[audit_at + 1] or '')) end
  if told == 1 then
    local targets = words(ARGV[audit_at + 4])
    local deliveries = {unpack(ARGV, audit_at + 5, audit_at + 4 + #targets)}
    tell(at, tenant, ARGV[audit_at + 2], ARGV[audit_at + 3], event_at, targets, deliveries)
  end
end
return 'OK' .. pack_numbers('<i8i8', version, rate_before) .. packed

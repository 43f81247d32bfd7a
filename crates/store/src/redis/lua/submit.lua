-- Takes a hold and makes its task, or finds the task that the same request made before (invariant 4).
--
-- KEYS, ARGV: as plan.lua has them, for the one posting and the one step of a new task; and last of all
--   numbers (names below) and the fingerprint as records have it.
-- Checks before it writes, in this order: the tenant is there; the operation was not applied before;
--   repeats; suspended; may_create; the policy's version; the id is new; the key is valid; rate, places,
--   windows, cap, balance; the ledger's range; the list of endpoints, where one is to be told.
-- Answers NO_TENANT | LATE time | MISMATCH | REPLAY name task account | SUSPENDED | NOT_NOW | POLICY tenant |
--   EXISTS | NO_KEY | DENIED account user key | OVERFLOW | IMPOSSIBLE | ENDPOINTS |
--   OK (as plan.lua says)
local may_create, policy, ruled_out, unlimited, per_minute, burst, places, amount,
  tenant_day, tenant_week, tenant_month, user_day, user_week, user_month, key_day, key_week, key_month =
  unpack_numbers('<i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', ARGV[#ARGV - 1])

if record then
  local version, _, made_by = unpack_numbers('<i6i6i7', record, 2)
  if made_by == operation then return 'OK' .. pack_numbers('<i8i8', version, -1) .. packed end
end

local known = read[lead]
if known then
  local until_ = unpack_numbers('<i6', known)
  local other = string.sub(known, 7)
  local task
  if remember == 2 or until_ == -1 or now <= until_ then
    task = call('GET', KEYS[first + 3] .. 't:' .. string.sub(ARGV[4], 1, -20) .. ':' .. other)
  end
  if task and remember == 1 then
    local fingerprint = string.sub(task, 53, 52 + string.byte(task, 52))
    if fingerprint ~= ARGV[#ARGV] then return {'MISMATCH'} end
    return {'REPLAY', other, task, packed}
  elseif task then
    local lease, leased_until = unpack_numbers('<i4i6', task, 31)
    local stands = string.byte(task, 47)
    local silent = lease == -1 or leased_until <= now
    local again = until_ ~= -1 and now <= until_
    if stands == 3 or (stands == 1 and silent) then
      again = false
    elseif stands == 2 and silent then
      again = true
    end
    if again then return {'REPLAY', other, task, packed} end
  end
end

local account = {unpack_numbers(ACCOUNT, packed)}
if account[2] % 2 == 1 then return {'SUSPENDED'} end
if may_create == 0 then return {'NOT_NOW'} end
if account[1] ~= policy then
  return {'POLICY', call('GET', KEYS[first + 3] .. 'p:' .. string.sub(ARGV[4], 1, -20))}
end
if record or tonumber(string.sub(name, 1, 10)) <= account[24] then return {'EXISTS'} end

local user, key
if user_place > 0 then
  local blob = read[user_place]
  user = blob and {unpack_numbers(COUNTED, blob)} or {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
end
local cap = -1
if key_place > 0 then
  local blob = read[key_place]
  if not blob then return {'NO_KEY'} end
  key = {unpack_numbers(COUNTED, blob)}
  if key[8] % 2 == 0 or (key[9] ~= -1 and now >= key[9]) then return {'NO_KEY'} end
  cap = key[10]
end

local rate_before = account[10]
local denied = ruled_out == 1 or (places ~= -1 and account[9] >= places)
if per_minute ~= -1 then
  local now_us = now * 1000
  local step = math.max(math.floor(60000000 / math.max(per_minute, 1)), 1)
  local full = step * math.max(burst, 1)
  local from = math.min(math.max(rate_before, now_us), now_us + full)
  denied = denied or from + step - now_us - full > 0
  account[10] = from + step
end

-- Does the hold go beyond one of the limits of a usage that begins at place `o`?
local function overrun(usage, o, day, week, month)
  return day ~= -1 and amount > math.max(day - (usage[o] == day_start and usage[o + 1] or 0), 0)
    or week ~= -1 and amount > math.max(week - (usage[o + 2] == week_start and usage[o + 3] or 0), 0)
    or month ~= -1 and amount > math.max(month - (usage[o + 4] == month_start and usage[o + 5] or 0), 0)
end
if denied or overrun(account, 11, tenant_day, tenant_week, tenant_month)
  or (user and overrun(user, 1, user_day, user_week, user_month))
  or (key and overrun(key, 1, key_day, key_week, key_month))
  or (cap ~= -1 and amount > math.max(cap - key[7], 0))
  or (unlimited == 0 and amount > account[4]) then
  return {'DENIED', packed, user_place > 0 and read[user_place] or '', key_place > 0 and read[key_place] or ''}
end

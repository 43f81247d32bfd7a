-- Takes a hold and makes its task, or finds the task that the same request made before (invariant 4).
--
-- KEYS, ARGV: as apply.lua has them, for the one posting and the one step of a new task; and
--   KEYS 16 the tenant  17 the prefix of the tenant's tasks
--   ARGV 21 numbers (names below)  22 field of the key's validity, or ''
-- Checks before it writes, in this order: the tenant is there; the operation was not applied before;
--   repeats; suspended; may_create; the policy's version; the id is new; the key is valid; rate, places,
--   windows, cap, balance; the ledger's range; the list of endpoints, where one is to be told.
-- Answers NO_TENANT | LATE time | MISMATCH | REPLAY task account | SUSPENDED | NOT_NOW | POLICY tenant |
--   EXISTS | NO_KEY | DENIED account usage-of-user usage-of-key validity | OVERFLOW | IMPOSSIBLE  |
--   ENDPOINTS | OK version account rate-before
local may_create, policy, ruled_out, unlimited, per_minute, burst, places, amount,
  tenant_day, tenant_week, tenant_month, user_day, user_week, user_month, key_day, key_week, key_month =
  unpack_numbers('<' .. string.rep('i8', 17), ARGV[21])

local packed = redis.call('GET', KEYS[1])
if not packed then return {'NO_TENANT'} end
local time = out_of_time(now, valid_for)
if time then return {'LATE', string.format('%.0f', time)} end
local account = {unpack_numbers(ACCOUNT, packed)}

local head = redis.call('GETRANGE', KEYS[2], 0, HEAD_BYTES - 1)
if head ~= '' then
  local version, made_by = unpack_numbers(HEAD, head)
  if made_by == operation then return {'OK', version, packed, -1} end
end

if ARGV[5] ~= '' and remember == 1 then
  local known = redis.call('GET', KEYS[7])
  if known then
    local until_ = unpack_numbers('<i8', known)
    if until_ == -1 or now <= until_ then
      if string.sub(known, 41) ~= ARGV[5] then return {'MISMATCH'} end
      local task = redis.call('GET', KEYS[17] .. string.sub(known, 9, 40))
      if task then return {'REPLAY', task, packed} end
    end
  end
elseif remember == 2 then
  local known = redis.call('GET', KEYS[8])
  local task = known and redis.call('GET', KEYS[17] .. string.sub(known, 9))
  if task then
    local until_ = unpack_numbers('<i8', known)
    local lease, leased_until = unpack_numbers('<i8i8', task, 33)
    local stands = unpack_numbers('<i8', task, 65)
    local silent = lease == -1 or leased_until <= now
    local again = until_ ~= -1 and now <= until_
    if stands == 3 or (stands == 1 and silent) then
      again = false
    elseif stands == 2 and silent then
      again = true
    end
    if again then return {'REPLAY', task, packed} end
  end
end

if account[2] % 2 == 1 then return {'SUSPENDED'} end
if may_create == 0 then return {'NOT_NOW'} end
if account[1] ~= policy then return {'POLICY', redis.call('GET', KEYS[16])} end
if head ~= '' or second <= account[24] then return {'EXISTS'} end

local user, key
local user_blob, key_blob, validity
if ARGV[6] ~= '' or ARGV[7] ~= '' then
  -- Fields that are '' are never there.
  local counted = redis.call('HMGET', KEYS[9], ARGV[6], ARGV[7], ARGV[22])
  user_blob, key_blob, validity = counted[1], counted[2], counted[3]
  if ARGV[6] ~= '' then user = usage_of(user_blob) end
  if ARGV[7] ~= '' then key = usage_of(key_blob) end
end
local cap = -1
if key then
  if not validity then return {'NO_KEY'} end
  local expires
  expires, cap = unpack_numbers('<i8i8', validity)
  if expires ~= -1 and now >= expires then return {'NO_KEY'} end
end
local function denied()
  return {'DENIED', packed, user_blob or '', key_blob or '', validity or ''}
end

if ruled_out == 1 then return denied() end
local rate_before = account[10]
if per_minute ~= -1 then
  local now_us = now * 1000
  local step = math.max(math.floor(60000000 / math.max(per_minute, 1)), 1)
  local full = step * math.max(burst, 1)
  local from = math.min(math.max(rate_before, now_us), now_us + full)
  if from + step - now_us - full > 0 then return denied() end
  account[10] = from + step
end
if places ~= -1 and account[9] >= places then return denied() end

local starts = {day_start, week_start, month_start}
local function overrun(usage, o, limits)
  for p = 0, 2 do
    local limit = limits[p + 1]
    if limit ~= -1 then
      local used = usage[o + 2 * p] == starts[p + 1] and usage[o + 2 * p + 1] or 0
      if amount > math.max(limit - used, 0) then return true end
    end
  end
  return false
end
if overrun(account, 11, {tenant_day, tenant_week, tenant_month})
  or (user and overrun(user, 1, {user_day, user_week, user_month}))
  or (key and overrun(key, 1, {key_day, key_week, key_month}))
  or (cap ~= -1 and amount > math.max(cap - key[7], 0))
  or (unlimited == 0 and amount > account[4]) then
  return denied()
end

local wrong = posted(account, user, key)
if wrong then return {wrong} end
local version = write(account, user, key, -1)
remember_task()
return {'OK', version, redis.call('GET', KEYS[1]), string.format('%.0f', rate_before)}

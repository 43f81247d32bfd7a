-- Stores a turn of a task, if the task still is what the turn was made from.
--
-- KEYS, ARGV: as apply.lua has them. `expected` -1 makes a task that is not there (a restored one).
-- Checks before it writes: the tenant and the task are there (or the task is not); the operation was not
--   applied before; the task's version; EvoLink's id is free or this task's own; the
--   ledger's range; the list of endpoints, where one is to be told. The id of a task that has left is used up.
-- Answers NO_TENANT | NO_TASK | LATE time | CONFLICT task account | CLAIMED | OVERFLOW | IMPOSSIBLE |
--   ENDPOINTS | OK version account
local packed = redis.call('GET', KEYS[1])
if not packed then return {'NO_TENANT'} end
local time = out_of_time(now, valid_for)
if time then return {'LATE', string.format('%.0f', time)} end
local head = redis.call('GETRANGE', KEYS[2], 0, HEAD_BYTES - 1)
local asked = -1
if head == '' then
  if expected ~= -1 or second <= unpack_numbers('<i8', packed, 185) then return {'NO_TASK'} end
else
  local version, made_by
  version, made_by = unpack_numbers(HEAD, head)
  asked = unpack_numbers('<i8', head, 57)
  if made_by == operation then return {'OK', version, packed} end
  if version ~= expected then return {'CONFLICT', redis.call('GET', KEYS[2]), packed} end
end
if claims == 1 then
  local owner = redis.call('GET', KEYS[13])
  if owner and owner ~= ARGV[10] then return {'CLAIMED'} end
end

local account = {unpack_numbers(ACCOUNT, packed)}
local user, key
if #ARGV[12] > 0 and (ARGV[6] ~= '' or ARGV[7] ~= '') then
  local counted = redis.call('HMGET', KEYS[9], ARGV[6], ARGV[7])
  if ARGV[6] ~= '' then user = usage_of(counted[1]) end
  if ARGV[7] ~= '' then key = usage_of(counted[2]) end
end
local wrong = posted(account, user, key)
if wrong then return {wrong} end

local version = write(account, user, key, asked)
if remember ~= 0 then remember_task() end
settle_keys()
if claims == 1 then redis.call('SET', KEYS[13], ARGV[10]) end
if ARGV[11] ~= '' then audit(KEYS[14], shard, now, ARGV[11]) end
return {'OK', version, redis.call('GET', KEYS[1])}

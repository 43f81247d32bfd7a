-- Lets a finished task leave with all that is its own, if it still is what it was looked at as.
--
-- KEYS 1 account  2 task  3 timeline  4 the tenant's tasks  5 idempotency key  6 repeat  7 shard's sequence
--      8 what every key of the shard begins with  9 owner of EvoLink's id  10 due
-- ARGV 1 numbers: the task's version, its second, charged, loss, owner in this call's reach (0 or 1), time
--        up to which a delivery that is still to be made is not waited for
--      2 tenant  3 the task's id  4 owner of EvoLink's id  5 its member of the due set, less the last letter
--      6.. ids of the events that it may have
-- Checks before it writes: the task's version; nothing of it is still to be delivered; the sums' range.
-- Answers CONFLICT | STAYS | OK
local version, second, charged, loss, owner, patient = unpack_numbers('<i8i8i8i8i8i8', ARGV[1])
local head = redis.call('GETRANGE', KEYS[2], 0, 7)
if head == '' or unpack_numbers('<i8', head) ~= version then return {'CONFLICT'} end
local at, tenant = KEYS[8], ARGV[2]
local events = {}
for n = 6, #ARGV do
  events[n] = redis.call('HGETALL', at .. 'e:' .. tenant .. ':' .. ARGV[n])
  if is_waited_for(at, tenant, ARGV[n], events[n], patient) then return {'STAYS'} end
end
local account = {unpack_numbers(ACCOUNT, redis.call('GET', KEYS[1]))}
account[21], account[22], account[23] = account[21] + 1, account[22] + charged, account[23] + loss
account[24] = math.max(account[24], second)
if account[22] > MOST or account[23] > MOST or account[23] < -MOST then return {'STAYS'} end
redis.call('INCR', KEYS[7])
redis.call('SET', KEYS[1], packed_account(account))
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[4], string.sub(ARGV[3], -8))
redis.call('ZREM', KEYS[10], ARGV[5] .. 'b', ARGV[5] .. 'u')
for n = 6, #ARGV do forget_event(at, tenant, ARGV[n], events[n]) end
for _, key in ipairs({KEYS[5], KEYS[6]}) do
  local known = key ~= KEYS[7] and redis.call('GET', key)
  if known and string.sub(known, 9, 40) == ARGV[3] then redis.call('DEL', key) end
end
if owner == 1 and redis.call('GET', KEYS[9]) == ARGV[4] then redis.call('DEL', KEYS[9]) end
return {'OK'}

-- Lets a finished task leave with all that is its own, if it still is what it was looked at as.
--
-- KEYS 1 account  2 task  3 the tenant's tasks  4 idempotency key  5 repeat  6 shard's sequence
--      7 what every key of the shard begins with  8 owner of EvoLink's id  9 due
-- ARGV 1 numbers: the task's version, charged, loss, owner in this call's reach (0 or 1), time up to which a
--        delivery that is still to be made is not waited for
--      2 tenant  3 second and letters of the task's id  4 owner of EvoLink's id
--      5.. ids of the events that it may have
-- Checks before it writes: the task's version; nothing of it is still to be delivered; the sums' range.
-- Answers CONFLICT | STAYS | OK
local version, charged, loss, owner, patient = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local head = call('GETRANGE', KEYS[2], 1, 6)
if head == '' or unpack_numbers('<i6', head) ~= version then return {'CONFLICT'} end
local at, tenant = KEYS[7], ARGV[2]
local events = {}
for n = 5, #ARGV do
  events[n] = call('HGETALL', at .. 'e:' .. tenant .. ':' .. ARGV[n])
  if is_waited_for(at, tenant, ARGV[n], events[n], patient) then return {'STAYS'} end
end
local account = {unpack_numbers(ACCOUNT, call('GET', KEYS[1]))}
account[21], account[22], account[23] = account[21] + 1, account[22] + charged, account[23] + loss
account[24] = math.max(account[24], tonumber(string.sub(ARGV[3], 1, 10)))
if account[22] > MOST or account[23] > MOST or account[23] < -MOST then return {'STAYS'} end
call('INCR', KEYS[6])
call('SET', KEYS[1], packed_account(account))
call('DEL', KEYS[2])
call('ZREM', KEYS[3], string.sub(ARGV[3], 11))
call('ZREM', KEYS[9], ARGV[4] .. 'b', ARGV[4] .. 'u')
call('ZREM', at .. 'expiring', ARGV[4])
for n = 5, #ARGV do forget_event(at, tenant, ARGV[n], events[n]) end
for _, key in ipairs({KEYS[4], KEYS[5]}) do
  local known = key ~= KEYS[6] and call('GET', key)
  if known and string.sub(known, 7) == ARGV[3] then call('DEL', key) end
end
if owner == 1 and call('GET', KEYS[8]) == ARGV[4] then call('DEL', KEYS[8]) end
return {'OK'}

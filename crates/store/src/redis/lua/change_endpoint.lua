-- Adds, changes, disables or takes away an endpoint, if the tenant's endpoints still are what the change
-- was made from; and tells of it, where somebody is to be told.
--
-- KEYS 1 account  2 endpoints  3 what every key of the shard begins with  4 shard's sequence  5 audit trail
-- ARGV 1 numbers: now, shard, version of the endpoints, what becomes of its queue: 0 nothing, 1 begins anew,
--        2 begins anew and closed; time of the event
--      2 tenant  3 the endpoint's id, or '' when none changes  4 its JSON, '' to take it away
--      5 audit entry, or ''  6 event's id, or ''  7 event's JSON  8 its targets, with commas  9.. its deliveries
-- Answers NO_TENANT | CONFLICT | OK account
local now, shard, version, fate, event_at = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local packed = call('GET', KEYS[1])
if not packed then return {'NO_TENANT'} end
local account = {unpack_numbers(ACCOUNT, packed)}
if account[20] ~= version then return {'CONFLICT'} end
local at, tenant, id = KEYS[3], ARGV[2], ARGV[3]
call('INCR', KEYS[4])
if id ~= '' then
  if ARGV[4] == '' then
    call('HDEL', KEYS[2], id)
  else
    call('HSET', KEYS[2], id, ARGV[4])
  end
  account[20] = version + 1
  packed = packed_account(account)
  call('SET', KEYS[1], packed)
  if fate ~= 0 then settle_queue(at, tenant, id, {0, 1, 0, -1, -1, fate - 1}) end
end
if ARGV[5] ~= '' then audit(KEYS[5], shard, now, ARGV[5]) end
if ARGV[6] ~= '' then
  local targets = words(ARGV[8])
  tell(at, tenant, ARGV[6], ARGV[7], event_at, targets, {unpack(ARGV, 9, 8 + #targets)})
end
return {'OK', packed}

-- Adds, changes or takes away a tenant's key, if it still is what the change was made from.
--
-- KEYS 1 account  2 keys  3 what is counted for the key  4 names of what is counted  5 shard's sequence
--      6 audit trail
-- ARGV 1 numbers: now, shard, expires, cap  2 the key's id  3 its JSON before, '' for none
--      4 its JSON after, '' for none  5 its name among what is counted  6 audit entry, or ''
-- Answers NO_TENANT | CONFLICT key | OK
local now, shard, expires, cap = unpack_numbers('<i8i8i8i8', ARGV[1])
if call('EXISTS', KEYS[1]) == 0 then return {'NO_TENANT'} end
local known = call('HGET', KEYS[2], ARGV[2]) or ''
if known == ARGV[4] and ARGV[3] ~= ARGV[4] then return {'OK'} end
if known ~= ARGV[3] then return {'CONFLICT', known} end
call('INCR', KEYS[5])
local packed = call('GET', KEYS[3])
local counted = packed and {unpack_numbers(COUNTED, packed)} or {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0}
local was_counted = counted[8] >= 2
if ARGV[4] == '' then
  call('HDEL', KEYS[2], ARGV[2])
  counted[8], counted[9], counted[10] = 2, -1, -1
else
  call('HSET', KEYS[2], ARGV[2], ARGV[4])
  counted[8], counted[9], counted[10] = was_counted and 3 or 1, expires, cap
end
if ARGV[4] == '' and not was_counted then
  call('DEL', KEYS[3])
  call('SREM', KEYS[4], ARGV[5])
else
  call('SET', KEYS[3], pack_numbers(COUNTED, unpack(counted, 1, 11)))
  if not packed then call('SADD', KEYS[4], ARGV[5]) end
end
if ARGV[6] ~= '' then audit(KEYS[6], shard, now, ARGV[6]) end
return {'OK'}

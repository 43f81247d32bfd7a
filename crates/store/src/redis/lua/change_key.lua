-- Adds, changes or takes away a tenant's key, if it still is what the change was made from.
--
-- KEYS 1 account  2 keys  3 usage of users and keys  4 shard's sequence  5 audit trail
-- ARGV 1 numbers: now, shard, expires, cap  2 the key's id  3 its JSON before, '' for none
--      4 its JSON after, '' for none  5 field of its validity  6 audit entry, or ''
-- Answers NO_TENANT | CONFLICT key | OK
local now, shard, expires, cap = unpack_numbers('<i8i8i8i8', ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then return {'NO_TENANT'} end
local known = redis.call('HGET', KEYS[2], ARGV[2]) or ''
if known == ARGV[4] and ARGV[3] ~= ARGV[4] then return {'OK'} end
if known ~= ARGV[3] then return {'CONFLICT', known} end
redis.call('INCR', KEYS[4])
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
  redis.call('HDEL', KEYS[3], ARGV[5])
else
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
  redis.call('HSET', KEYS[3], ARGV[5], pack_numbers('<i8i8', expires, cap))
end
if ARGV[6] ~= '' then audit(KEYS[5], shard, now, ARGV[6]) end
return {'OK'}

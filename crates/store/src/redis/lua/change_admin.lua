-- Adds or takes away an admin's key.
--
-- KEYS 1 admins by id  2 ids by digest  3 ids by name  4 sequence  5 audit trail
-- ARGV 1 numbers: now, shard  2 id  3 digest  4 name  5 the admin's JSON, '' to take it away  6 audit entry
-- Checks that id, digest and name are new, or that the admin is there.
-- Answers EXISTS admin | NO_KEY | OK
local now, shard = unpack_numbers('<i8i8', ARGV[1])
local known = call('HGET', KEYS[1], ARGV[2])
if ARGV[5] == '' then
  if not known then return {'NO_KEY'} end
  call('INCR', KEYS[4])
  call('HDEL', KEYS[1], ARGV[2])
  call('HDEL', KEYS[2], ARGV[3])
  call('HDEL', KEYS[3], ARGV[4])
else
  if known or call('HEXISTS', KEYS[2], ARGV[3]) == 1 or call('HEXISTS', KEYS[3], ARGV[4]) == 1 then
    return {'EXISTS', known or ''}
  end
  call('INCR', KEYS[4])
  call('HSET', KEYS[1], ARGV[2], ARGV[5])
  call('HSET', KEYS[2], ARGV[3], ARGV[2])
  call('HSET', KEYS[3], ARGV[4], ARGV[2])
end
audit(KEYS[5], shard, now, ARGV[6])
return {'OK'}

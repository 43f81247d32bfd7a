-- Makes a tenant of an import, when all that is its own has been written: from now on it is there.
--
-- KEYS 1 account  2 tenant  3 the shard's tenants  4 audit trail  5 shard's sequence
-- ARGV 1 numbers: now, shard  2 the tenant's id  3 the tenant's JSON  4 its account  5 audit entry
-- Checks that there is none of that id. Answers EXISTS account | OK
local now, shard = unpack_numbers('<i8i8', ARGV[1])
local known = call('GET', KEYS[1])
if known then return {'EXISTS', known} end
call('INCR', KEYS[5])
call('SET', KEYS[1], ARGV[4])
call('SET', KEYS[2], ARGV[3])
call('SADD', KEYS[3], ARGV[2])
audit(KEYS[4], shard, now, ARGV[5])
return {'OK'}

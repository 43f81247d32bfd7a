-- Makes a tenant.
--
-- KEYS 1 account  2 tenant  3 the shard's tenants  4 audit trail  5 shard's sequence
-- ARGV 1 numbers: now, version, flags, shard, threshold of a low balance  2 the tenant's id  3 the tenant's JSON  4 audit entry
-- Checks that there is none of that id. Answers EXISTS account tenant | OK account
local now, version, flags, shard, threshold = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local known = call('GET', KEYS[1])
if known then return {'EXISTS', known, call('GET', KEYS[2])} end
local account = {version, flags}
for n = 3, 31 do account[n] = 0 end
account[25] = threshold
local packed = packed_account(account)
call('INCR', KEYS[5])
call('SET', KEYS[1], packed)
call('SET', KEYS[2], ARGV[3])
call('SADD', KEYS[3], ARGV[2])
audit(KEYS[4], shard, now, ARGV[4])
return {'OK', packed}

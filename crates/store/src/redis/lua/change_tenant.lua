-- Changes a tenant, if it still is what the change was made from.
--
-- KEYS 1 account  2 tenant  3 shard's sequence  4 audit trail
-- ARGV 1 numbers: now, version, flags, shard, threshold of a low balance  2 the tenant's JSON before
--      3 the tenant's JSON after  4 audit entry
-- Answers NO_TENANT | CONFLICT | OK account
local now, version, flags, shard, threshold = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local packed = call('GET', KEYS[1])
if not packed then return {'NO_TENANT'} end
if call('GET', KEYS[2]) ~= ARGV[2] then return {'CONFLICT'} end
local account = {unpack_numbers(ACCOUNT, packed)}
account[1], account[2], account[25] = version, flags, threshold
packed = packed_account(account)
call('INCR', KEYS[3])
call('SET', KEYS[1], packed)
call('SET', KEYS[2], ARGV[3])
audit(KEYS[4], shard, now, ARGV[4])
return {'OK', packed}

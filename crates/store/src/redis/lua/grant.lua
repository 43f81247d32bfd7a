-- Grants credits, or takes some back: never more than is available.
--
-- KEYS 1 account  2 grants by idempotency key  3 journal  4 shard's sequence  5 audit trail  6 operation
--      7 what every key of the shard begins with
-- ARGV 1 numbers: now, valid_for, amount, shard, version of the endpoints  2 idempotency key, or ''
--      3 the grant's JSON  4 entry of the journal  5 audit entry, less the sums before and after
--      6 endpoints that want to know of a low balance, with commas  7 the tenant
-- Checks before it writes: the tenant is there; the operation was not applied before; the key was not used
--   before; the ledger's range; that what is taken back is there.
-- Answers NO_TENANT | LATE time | KNOWN grant account | OVERFLOW | IMPOSSIBLE | ENDPOINTS |
--   OK account
local now, valid_for, amount, shard, endpoints = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local packed = call('GET', KEYS[1])
if not packed then return {'NO_TENANT'} end
local time = out_of_time(now, valid_for)
if time then return {'LATE', time} end
if call('EXISTS', KEYS[6]) == 1 then return {'OK', packed} end
if ARGV[2] ~= '' then
  local known = call('HGET', KEYS[2], ARGV[2])
  if known then return {'KNOWN', known, packed} end
end
local account = {unpack_numbers(ACCOUNT, packed)}
local granted, available = account[3], account[4]
local wrong = post(account, amount, amount, 0, 0)
if wrong then return {wrong} end
if amount < 0 and account[4] < 0 and account[2] < 2 then return {'IMPOSSIBLE'} end
account[8] = account[8] + 1
local low = falls_low(account, available)
if low and account[20] ~= endpoints then return {'ENDPOINTS'} end
packed = packed_account(account)
call('INCR', KEYS[4])
call('SET', KEYS[1], packed)
call('RPUSH', KEYS[3], ARGV[4])
call('SET', KEYS[6], '', 'PX', 3600000)
if ARGV[2] ~= '' then call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
audit(KEYS[5], shard, now, 'g' .. pack_numbers('<i8i8i8i8', granted, available, account[3], account[4]) .. ARGV[5])
if low then tell_low(KEYS[7], ARGV[7], account, now, words(ARGV[6])) end
return {'OK', packed}

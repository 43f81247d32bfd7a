-- Takes the first entries of a journal into its opening, if none has left since they were read.
--
-- KEYS 1 account  2 journal  3 opening  4 shard's sequence
-- ARGV 1 numbers: entries that had left, entries that leave now  2 the opening's JSON
-- Answers CONFLICT | OK
local left, more = unpack_numbers('<i8i8', ARGV[1])
local account = {unpack_numbers(ACCOUNT, call('GET', KEYS[1]))}
if account[18] ~= left then return {'CONFLICT'} end
account[18] = left + more
call('INCR', KEYS[4])
call('SET', KEYS[1], packed_account(account))
call('SET', KEYS[3], ARGV[2])
call('LTRIM', KEYS[2], more, -1)
return {'OK'}

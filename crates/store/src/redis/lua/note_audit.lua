-- Appends to the audit trail what changed nothing; takes a mark away where it went with one.
--
-- KEYS 1 audit trail  2 sequence  3 the mark of an import
-- ARGV 1 numbers: now, shard, 1 to take the mark away  2 audit entry
-- Answers OK
local now, shard, unmark = unpack_numbers('<i8i8i8', ARGV[1])
call('INCR', KEYS[2])
if unmark == 1 then call('DEL', KEYS[3]) end
audit(KEYS[1], shard, now, ARGV[2])
return {'OK'}

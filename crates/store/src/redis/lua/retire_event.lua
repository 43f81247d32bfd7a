-- Lets an event that is about no task leave with its deliveries.
--
-- KEYS 1 shard's sequence  2 what every key of the shard begins with
-- ARGV 1 numbers: time up to which a delivery that is still to be made is not waited for  2 tenant  3 event
-- Answers STAYS | OK
local patient = unpack_numbers('<i8', ARGV[1])
local fields = call('HGETALL', KEYS[2] .. 'e:' .. ARGV[2] .. ':' .. ARGV[3])
if #fields == 0 or is_waited_for(KEYS[2], ARGV[2], ARGV[3], fields, patient) then return {'STAYS'} end
call('INCR', KEYS[1])
forget_event(KEYS[2], ARGV[2], ARGV[3], fields)
return {'OK'}

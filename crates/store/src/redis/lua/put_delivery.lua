-- Puts a delivery in the place of what it was, if it and its queue still are what the change was made from.
--
-- KEYS 1 the event's hash  2 the queue  3 what every key of the shard begins with  4 shard's sequence
--      5 the task
-- ARGV 1 tenant  2 target  3 event  4 the delivery before  5 the delivery after  6 the queue before, or ''
--      7 the queue after, or '' where it stays  8 step of the task's timeline, or ''
--      9 the set in which it is by its age, '' for none, '-' where it stays as it is  10 time of its event
-- Answers CONFLICT and what the two are, '' for what is not there | OK and when the queue is due, or ''
local before, stored = call('HGET', KEYS[1], ARGV[2]) or '', call('GET', KEYS[2]) or ''
if before ~= ARGV[4] or (ARGV[7] ~= '' and stored ~= ARGV[6]) then return {'CONFLICT', before, stored} end
local at, tenant, target, event = KEYS[3], ARGV[1], ARGV[2], ARGV[3]
local waiting, sending = at .. 'w:' .. tenant .. ':' .. target, at .. 'l:' .. tenant .. ':' .. target
call('INCR', KEYS[4])
call('HSET', KEYS[1], target, ARGV[5])
local due, lease = unpack_numbers(DELIVERY, ARGV[5])
if due ~= -1 then call('ZADD', waiting, due, event) else call('ZREM', waiting, event) end
if lease ~= -1 then call('ZADD', sending, lease, event) else call('ZREM', sending, event) end
local queue = queue_at(at, tenant, target)
if ARGV[7] ~= '' then
  queue = {unpack_numbers(QUEUE, ARGV[7])}
  queue.stored = stored
end
local _, next = settle_queue(at, tenant, target, queue)
if ARGV[9] ~= '-' then keep_aged_delivery(at, tenant, event, target, ARGV[10], ARGV[9]) end
if ARGV[8] ~= '' and call('EXISTS', KEYS[5]) == 1 then call('APPEND', KEYS[5], ARGV[8]) end
return {'OK', next and string.format('%.0f', next) or ''}

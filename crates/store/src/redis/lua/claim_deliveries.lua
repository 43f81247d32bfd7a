-- Claims due deliveries of one shard, lane after lane and queue after queue, the longest due first; from
-- each queue as many as its target's health allows (`Queue::room`), each with a new fencing token.
--
-- KEYS 1 queues of targets that take deliveries, by when they are due  2 the other queues
--      3 what every key of the shard begins with  4 shard's sequence
-- ARGV 1 numbers: now, valid_for, lease, room for each of the two
-- A lease that ran out puts its delivery back first. A queue in which nothing waits leaves the set.
-- Answers LATE time | OK, when the first queue of each of the two is due from now on or '', then for each
--   delivery: lane, event's JSON, delivery, endpoint's JSON or '', its queue as it is stored
local now, valid_for, lease, room_good, room_suspect = unpack_numbers('<i8i8i8i8i8', ARGV[1])
local time = out_of_time(now, valid_for)
if time then return {'LATE', time} end
local at = KEYS[3]
local answer = {'OK', '', ''}

local function take(lane, tenant, target, left)
  local waiting, sending = at .. 'w:' .. tenant .. ':' .. target, at .. 'l:' .. tenant .. ':' .. target
  local events = at .. 'e:' .. tenant .. ':'
  -- Moves a delivery on; none where the row of the queue leads nowhere.
  local function move_on(event, due, until_, next_fence)
    local delivery = call('HGET', events .. event, target)
    call('ZREM', waiting, event)
    call('ZREM', sending, event)
    if not delivery then return nil end
    local _, _, fence = unpack_numbers(DELIVERY, delivery)
    delivery = pack_numbers(DELIVERY, due, until_, fence + next_fence) .. string.sub(delivery, 25)
    call('HSET', events .. event, target, delivery)
    if due ~= -1 then call('ZADD', waiting, due, event) end
    if until_ ~= -1 then call('ZADD', sending, until_, event) end
    return delivery
  end
  local over = call('ZRANGEBYSCORE', sending, '-inf', now, 'WITHSCORES')
  for n = 1, #over, 2 do move_on(over[n], tonumber(over[n + 1]), -1, 0) end
  local queue = queue_at(at, tenant, target)
  local room = math.min(queue[2] - call('ZCARD', sending), left)
  if queue[6] == 1 or now < queue[4] then room = 0 end
  local taken = {}
  if room > 0 then
    local endpoint = call('HGET', at .. 'E:' .. tenant, target) or ''
    for _, event in ipairs(call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, room)) do
      local delivery = move_on(event, -1, now + lease, 1)
      if delivery then
        taken[#taken + 1] = {lane, call('HGET', events .. event, ''), delivery, endpoint}
      end
    end
  end
  local stored = settle_queue(at, tenant, target, queue)
  for _, parts in ipairs(taken) do
    for _, part in ipairs(parts) do answer[#answer + 1] = part end
    answer[#answer + 1] = stored
  end
  return #taken
end

for lane, left in ipairs({room_good, room_suspect}) do
  local due = call('ZRANGEBYSCORE', KEYS[lane], '-inf', now, 'LIMIT', 0, left)
  for _, member in ipairs(due) do
    if left <= 0 then break end
    local tenant, target = string.match(member, '^(%Z*)%z(%Z*)$')
    call('ZREM', KEYS[lane], member)
    left = left - take(lane, tenant, target, left)
  end
end
if #answer > 3 then call('INCR', KEYS[4]) end
for lane = 1, 2 do answer[1 + lane] = call('ZRANGE', KEYS[lane], 0, 0, 'WITHSCORES')[2] or '' end
return answer

-- Queues of deliveries, one for each target (an endpoint, or a request's callback_url), and who is told of
-- an event. The rules are those of `evogate_models::delivery`.
--
-- A queue: 1 standing (0 unproven, 1 good, 2 failing)  2 window  3 failures  4 paused until  5 when it last
--   took a delivery  6 closed. One that is not there is as queues are at first.
-- A delivery (in its event's hash, under its target): due, end of the lease, last fencing token; then JSON.
-- Keys, all of one tenant under one prefix `at`: events `e:`, queues `q:`, what waits `w:`, what is being
--   sent `l:` (each followed by the tenant), deliveries in the order of time `h:`, endpoints `E:`,
--   queues of callbacks that are there `Q:`.
local QUEUE, DELIVERY = '<i8i8i8i8i8i8', '<i8i8i8'
local FRESH = pack_numbers(QUEUE, 0, 1, 0, -1, -1, 0)

-- The queue as it is stored; `stored` is its bytes, '' where it is not there.
local function queue_at(at, tenant, target)
  local stored = call('GET', at .. 'q:' .. tenant .. ':' .. target) or ''
  local queue = {unpack_numbers(QUEUE, stored ~= '' and stored or FRESH)}
  queue.stored = stored
  return queue
end

-- Writes a queue where it is another than `stored`, and sees to it that it is due when it should be
-- (`Queue::due`, `Queue::is_kept_idle`). Answers its bytes as they are stored now, and when it is due.
local function settle_queue(at, tenant, target, queue)
  local waiting, sending = at .. 'w:' .. tenant .. ':' .. target, at .. 'l:' .. tenant .. ':' .. target
  local first = call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
  local lease = call('ZRANGE', sending, 0, 0, 'WITHSCORES')[2]
  local due
  if queue[6] == 0 then
    if first and (not lease or call('ZCARD', sending) < queue[2]) then
      due = math.max(tonumber(first), queue[4])
    end
    if lease and (not due or tonumber(lease) < due) then due = tonumber(lease) end
  end
  local member = tenant .. '\0' .. target
  local lane, other = at .. 'out:s', at .. 'out:g'
  if queue[1] == 1 then lane, other = other, lane end
  call('ZREM', other, member)
  if due then call('ZADD', lane, due, member) else call('ZREM', lane, member) end
  local packed = pack_numbers(QUEUE, unpack(queue))
  local kept = packed ~= FRESH
  if not first and not lease then
    if string.sub(target, 1, 3) == 'cb_' then
      kept = kept and queue[1] == 1
    else
      kept = kept and call('HEXISTS', at .. 'E:' .. tenant, target) == 1
    end
  end
  local key = at .. 'q:' .. tenant .. ':' .. target
  if not kept then packed = '' end
  if packed ~= queue.stored then
    if kept then call('SET', key, packed) else call('DEL', key) end
  end
  -- Those of callbacks are listed: nobody deletes them but a sweep.
  if string.sub(target, 1, 3) == 'cb_' then
    call(kept and 'SADD' or 'SREM', at .. 'Q:' .. tenant, target)
  end
  return packed, due
end

-- A delivery is among those still to be made (`owed`) or given up (`dead`), by the time of its event, as long
-- as it is so; `set` '' for neither.
local function keep_aged_delivery(at, tenant, event, target, time, set)
  local member = tenant .. '\0' .. event .. '\0' .. target
  for _, other in ipairs({'owed', 'dead'}) do
    if other ~= set then call('ZREM', at .. other, member) end
  end
  if set ~= '' then call('ZADD', at .. set, time, member) end
end

-- Removes an event with its deliveries, whatever their state: `fields` is its whole hash.
local function forget_event(at, tenant, event, fields)
  call('DEL', at .. 'e:' .. tenant .. ':' .. event)
  for n = 1, #fields, 2 do
    local target = fields[n]
    if target ~= '' then
      call('ZREM', at .. 'h:' .. tenant, event .. '\0' .. target)
      keep_aged_delivery(at, tenant, event, target, 0, '')
      call('ZREM', at .. 'w:' .. tenant .. ':' .. target, event)
      call('ZREM', at .. 'l:' .. tenant .. ':' .. target, event)
      settle_queue(at, tenant, target, queue_at(at, tenant, target))
    end
  end
end

-- Is a delivery of the event still to be made, and waited for: is the event younger than `patient`?
local function is_waited_for(at, tenant, event, fields, patient)
  for n = 1, #fields, 2 do
    if fields[n] ~= '' then
      local due, lease = unpack_numbers(DELIVERY, fields[n + 1])
      local time = call('ZSCORE', at .. 'h:' .. tenant, event .. '\0' .. fields[n])
      if (due ~= -1 or lease ~= -1) and time and tonumber(time) > patient then return true end
    end
  end
  return false
end

-- Tells `targets` of an event that nobody was told of yet: `deliveries` are their JSON, in the same order.
local function tell(at, tenant, event, json, time, targets, deliveries)
  local key = at .. 'e:' .. tenant .. ':' .. event
  if #targets == 0 or call('EXISTS', key) == 1 then return end
  local fields, history, owed = {'', json}, {}, {}
  for n, target in ipairs(targets) do
    fields[2 * n + 1], fields[2 * n + 2] = target, pack_numbers(DELIVERY, time, -1, 0) .. deliveries[n]
    history[2 * n - 1], history[2 * n] = time, event .. '\0' .. target
    owed[2 * n - 1], owed[2 * n] = time, tenant .. '\0' .. event .. '\0' .. target
  end
  call('HSET', key, unpack(fields))
  call('ZADD', at .. 'h:' .. tenant, unpack(history))
  call('ZADD', at .. 'owed', unpack(owed))
  for _, target in ipairs(targets) do
    local waiting = at .. 'w:' .. tenant .. ':' .. target
    local first = call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
    call('ZADD', waiting, time, event)
    -- Behind others that wait, it changes nothing of when the queue is due: so what is told to a target that
    -- hangs costs little.
    if not first or tonumber(first) > time then settle_queue(at, tenant, target, queue_at(at, tenant, target)) end
  end
end

-- The words of a comma-separated list.
local function words(list)
  local found = {}
  for word in string.gmatch(list, '[^,]+') do found[#found + 1] = word end
  return found
end

-- Tells the endpoints in `targets` of the low balance that the last entry of the journal made.
local function tell_low(at, tenant, account, time, targets)
  local event = string.format('msg_entry-%.0f-credits-low', account[8])
  local common = string.format('"tenant":"%s","kind":"credits.low","at":%.0f', tenant, time)
  local json = string.format('{"id":"%s",%s,"content":{"credits":{"available":%.0f,"threshold":%.0f}}}',
    event, common, account[4], account[25])
  local deliveries = {}
  for n, target in ipairs(targets) do
    deliveries[n] = string.format('{"event":"%s","target":"%s",%s,"state":"pending"}', event, target, common)
  end
  tell(at, tenant, event, json, time, targets, deliveries)
end

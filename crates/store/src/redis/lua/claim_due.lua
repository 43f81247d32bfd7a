-- Claims due tasks of one shard for a worker, the longest due first: a new fencing token and a lease for
-- each (`life::claim`).
--
-- KEYS 1 due  2 shard's sequence  3 prefix of the shard's tasks
-- ARGV 1 numbers: now, valid_for, limit, lease
-- A member that no task stands behind leaves; a task that is leased to somebody else is due when that
-- lease ends.
-- Answers LATE time | OK, then of each task claimed its member of the due set and its record
local now, valid_for, limit, lease = unpack_numbers('<i8i8i8i8', ARGV[1])
local time = out_of_time(now, valid_for)
if time then return {'LATE', time} end
local found = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
local claimed = {'OK'}
for n = 1, #found, 2 do
  local member, at = found[n], tonumber(found[n + 1])
  local name = KEYS[3] .. string.sub(member, 1, -21) .. ':' .. string.sub(member, -19, -2)
  local record = call('GET', name)
  local due, fence, lease_fence, lease_until
  if record then due, fence, lease_fence, lease_until = unpack_numbers('<i6i4i4i6', record, 21) end
  if due ~= at then
    call('ZREM', KEYS[1], member)
  else
    local free = lease_fence == -1 or lease_until <= now
    if free then
      fence = fence + 1
      lease_fence, lease_until = fence, now + lease
      due = lease_until
    else
      due = math.max(lease_until, now + 1)
    end
    local head = pack_numbers('<i6', call('INCR', KEYS[2])) .. string.sub(record, 8, 13) ..
      pack_numbers('<i7i6i4i4i6', 0, due, fence, lease_fence, lease_until)
    call('SETRANGE', name, 1, head)
    call('ZADD', KEYS[1], due, member)
    if free then
      claimed[#claimed + 1] = member
      claimed[#claimed + 1] = string.sub(record, 1, 1) .. head .. string.sub(record, 41)
    end
  end
end
return claimed

-- Claims due tasks of one shard for a worker, the longest due first: a new fencing token and a lease for
-- each (`life::claim`).
--
-- KEYS 1 due  2 shard's sequence  3 prefix of the shard's tasks
-- ARGV 1 numbers: now, valid_for, limit, lease
-- A member that no task stands behind leaves; a task that is leased to somebody else is due when that
-- lease ends.
-- Answers LATE time | OK, then the tasks claimed
local now, valid_for, limit, lease = unpack_numbers('<i8i8i8i8', ARGV[1])
local time = out_of_time(now, valid_for)
if time then return {'LATE', string.format('%.0f', time)} end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
local claimed = {'OK'}
for n = 1, #found, 2 do
  local member, at = found[n], tonumber(found[n + 1])
  local tenant, id = string.match(member, '^(%Z*)%z(%Z*)%z')
  local name = KEYS[3] .. tenant .. ':' .. id
  local head = redis.call('GETRANGE', name, 0, HEAD_BYTES - 1)
  if head == '' then
    redis.call('ZREM', KEYS[1], member)
  else
    local version, operation, due, fence, lease_fence, lease_until, refreshed, asked, state =
      unpack_numbers(HEAD, head)
    if due ~= at then
      redis.call('ZREM', KEYS[1], member)
    else
      local free = lease_fence == -1 or lease_until <= now
      if free then
        fence = fence + 1
        lease_fence, lease_until = fence, now + lease
        due = lease_until
      else
        due = math.max(lease_until, now + 1)
      end
      version = redis.call('INCR', KEYS[2])
      redis.call('SETRANGE', name, 0, pack_numbers(HEAD, version, 0, due, fence, lease_fence, lease_until, refreshed, asked, state))
      redis.call('ZADD', KEYS[1], due, member)
      if free then claimed[#claimed + 1] = redis.call('GET', name) end
    end
  end
end
return claimed

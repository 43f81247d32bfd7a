-- May EvoLink be asked about a task now? Who gets a yes asks; everybody else within `refresh_after` gets
-- a no, on whichever replica.
--
-- KEYS 1 task
-- ARGV 1 numbers: now, refresh_after
-- Answers 1 or 0; 0 for a task that is not there.
local now, refresh_after = unpack_numbers('<i8i8', ARGV[1])
local head = redis.call('GETRANGE', KEYS[1], 0, HEAD_BYTES - 1)
if head == '' then return 0 end
local version, operation, due, fence, lease_fence, lease_until, refreshed, asked, state = unpack_numbers(HEAD, head)
if (refreshed ~= -1 and now - refreshed < refresh_after) or (asked ~= -1 and now - asked < refresh_after) then
  return 0
end
redis.call('SETRANGE', KEYS[1], 0, pack_numbers(HEAD, version, operation, due, fence, lease_fence, lease_until, refreshed, now, state))
return 1

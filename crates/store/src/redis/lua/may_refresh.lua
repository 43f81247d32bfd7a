-- May EvoLink be asked about a task now? Who gets a yes asks; everybody else within `refresh_after` gets
-- a no, on whichever replica.
--
-- KEYS 1 task
-- ARGV 1 numbers: now, refresh_after
-- Answers 1 or 0; 0 for a task that is not there.
local now, refresh_after = unpack_numbers('<i8i8', ARGV[1])
local head = call('GETRANGE', KEYS[1], 0, 45)
if head == '' then return 0 end
local asked, refreshed = unpack_numbers('<i6', head, 8), unpack_numbers('<i6', head, 41)
if (refreshed ~= -1 and now - refreshed < refresh_after) or (asked ~= -1 and now - asked < refresh_after) then
  return 0
end
call('SETRANGE', KEYS[1], 7, pack_numbers('<i6', now))
return 1

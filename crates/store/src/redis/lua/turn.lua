-- Stores a turn of a task, if the task still is what the turn was made from.
--
-- KEYS, ARGV: as plan.lua has them. `expected` -1 makes a task that is not there (a restored one).
-- Checks before it writes: the tenant and the task are there (or the task is not); the operation was not
--   applied before; the task's version; EvoLink's id is free or this task's own; the
--   ledger's range; the list of endpoints, where one is to be told. The id of a task that has left is used up.
-- Answers NO_TENANT | NO_TASK | LATE time | CONFLICT task account | CLAIMED | OVERFLOW | IMPOSSIBLE |
--   ENDPOINTS | OK (as plan.lua says)
if not record then
  local through = unpack_numbers('<i8', packed, 185)
  if expected ~= -1 or tonumber(string.sub(name, 1, 10)) <= through then return {'NO_TASK'} end
else
  local version, _, made_by = unpack_numbers('<i6i6i7', record, 2)
  if made_by == operation then return 'OK' .. pack_numbers('<i8i8', version, -1) .. packed end
  if version ~= expected then return {'CONFLICT', record, packed} end
end
if owner > 0 and read[owner] and read[owner] ~= ARGV[4] then return {'CLAIMED'} end

local account, user, key
if #ARGV[5] > 0 or loss ~= 0 or in_flight ~= 0 or was_open ~= is_open or told == 1 then account = {unpack_numbers(ACCOUNT, packed)} end
if user_place > 0 then
  local blob = read[user_place]
  user = blob and {unpack_numbers(COUNTED, blob)} or {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
end
if key_place > 0 then
  local blob = read[key_place]
  key = blob and {unpack_numbers(COUNTED, blob)} or {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0}
end
local rate_before = 0

-- Forgets what is known of a tenant's callbacks that nothing was sent to for long (`Queue::is_stale`).
--
-- KEYS 1 shard's sequence  2 what every key of the shard begins with
-- ARGV 1 numbers: now, how long it is kept  2 tenant
-- Answers OK how many
local now, kept = unpack_numbers('<i8i8', ARGV[1])
local at, tenant = KEYS[2], ARGV[2]
local forgotten = 0
for _, target in ipairs(call('SMEMBERS', at .. 'Q:' .. tenant)) do
  local took = queue_at(at, tenant, target)[5]
  local name = tenant .. ':' .. target
  local empty = call('EXISTS', at .. 'w:' .. name, at .. 'l:' .. name) == 0
  if empty and (took == -1 or now - took >= kept) then
    call('DEL', at .. 'q:' .. name)
    call('SREM', at .. 'Q:' .. tenant, target)
    forgotten = forgotten + 1
  end
end
if forgotten > 0 then call('INCR', KEYS[1]) end
return {'OK', forgotten}

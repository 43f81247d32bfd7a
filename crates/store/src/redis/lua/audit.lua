-- Appends to the audit trail of a shard. Numbers grow with time, and differ from those of every other
-- shard in their last ten bits.
local function audit(key, shard, at, entry)
  local last = call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  local number = at * 1024 + shard
  if last[2] and tonumber(last[2]) >= number then number = tonumber(last[2]) + 1024 end
  call('ZADD', key, number, pack_numbers('>I8', number) .. entry)
end

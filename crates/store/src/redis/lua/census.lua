-- Counts what shards have, by what is kept: sums of accounts, lengths and first members of sorted sets. Of a
-- cluster's shards each is asked for by itself.
--
-- KEYS the shards' sets of tenants
-- ARGV 1 results of tasks that ended later are not gone yet
-- Answers for each shard that has tenants packed numbers (how many tenants, created of the oldest unfinished
--   task, of the oldest unknown one, deliveries still to be made, the oldest of those, deliveries given up, tasks
--   whose results run out; -1 for none), then id and account of each tenant.
local answer = {}
for _, key in ipairs(KEYS) do
  local at, tenants = string.sub(key, 1, -8), redis.call('SMEMBERS', key)
  local function first(set)
    return tonumber(redis.call('ZRANGE', at .. set, 0, 0, 'WITHSCORES')[2] or -1)
  end
  if #tenants > 0 then
    answer[#answer + 1] = struct.pack('<i8i8i8i8i8i8i8', #tenants, first('open'), first('unknown'),
      redis.call('ZCARD', at .. 'owed'), first('owed'), redis.call('ZCARD', at .. 'dead'),
      redis.call('ZCOUNT', at .. 'expiring', '(' .. ARGV[1], '+inf'))
  end
  for _, tenant in ipairs(tenants) do
    answer[#answer + 1] = tenant
    answer[#answer + 1] = redis.call('GET', at .. 'a:' .. tenant)
  end
end
return answer

-- When the first members of sorted sets are due. Of a cluster's shards each is asked for by itself.
--
-- KEYS sorted sets
-- Answers the lowest score of each, '' for an empty one
local first = {}
for n, key in ipairs(KEYS) do
  first[n] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or ''
end
return first

-- Reads entries of a journal, from which others may be leaving.
--
-- KEYS 1 account  2 journal
-- ARGV 1 numbers: the number of the entry before the first, how many
-- Answers OK, the number of the entry before the first that is there, then the entries
local after, limit = unpack_numbers('<i8i8', ARGV[1])
local packed = call('GET', KEYS[1])
if not packed then return {'OK', after} end
local left = unpack_numbers('<i8', packed, 137)
local first = math.max(after, left)
local answer = {'OK', first}
for _, entry in ipairs(call('LRANGE', KEYS[2], first - left, first - left + limit - 1)) do
  answer[#answer + 1] = entry
end
return answer

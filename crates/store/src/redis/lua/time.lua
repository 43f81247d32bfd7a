-- Is a call of `now` too old to be applied, or from a clock that is ahead of ours? Whoever sent it has
-- given it up by then. Answers this server's time then. `valid_for` 0 switches the check off: for tests
-- whose clock is not this one's.
local function out_of_time(now, valid_for)
  if valid_for == 0 then return nil end
  local t = call('TIME')
  local time = t[1] * 1000 + math.floor(t[2] / 1000)
  if time > now + valid_for or time < now - valid_for then return time end
  return nil
end

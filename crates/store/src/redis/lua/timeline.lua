-- The most steps of a timeline, unless all of them must be kept.
local MOST_STEPS = 500

-- Of `steps`, those that a timeline takes: when there are many, those marked 'r' are left out.
local function kept_steps(timeline, steps)
  local function each(bytes)
    local at = 1
    return function()
      if at > #bytes then return nil end
      local length = unpack_numbers('<I3', bytes, at)
      local step = string.sub(bytes, at, at + 2 + length)
      at = at + 3 + length
      return step
    end
  end
  local count, kept = 0, {}
  for _ in each(timeline) do count = count + 1 end
  for step in each(steps) do
    count = count + 1
    if count <= MOST_STEPS or string.sub(step, 4, 4) ~= 'r' then kept[#kept + 1] = step end
  end
  return table.concat(kept)
end

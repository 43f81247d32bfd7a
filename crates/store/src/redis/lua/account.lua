-- Posts one entry (`Account::post`): what it adds to granted, available, held and spent. Answers why it
-- can't be, or nil.
local function post(account, granted, available, held, spent)
  local g, v = account[3] + granted, account[4] + available
  local h, s = account[5] + held, account[6] + spent
  if g > MOST or g < -MOST or v > MOST or v < -MOST or h > MOST or h < -MOST or s > MOST or s < -MOST then
    return 'OVERFLOW'
  end
  if h < 0 then return 'IMPOSSIBLE' end
  account[3], account[4], account[5], account[6] = g, v, h, s
  return nil
end

local function packed_account(account)
  return pack_numbers(ACCOUNT, unpack(account, 1, 31))
end

-- After postings that left `available` where it was `before`: was the balance high and is low, so that the
-- tenant must be told (`low_credits`)? Notes in the account that it was.
local function falls_low(account, before)
  local available, threshold = account[4], account[25]
  if threshold == -1 or available >= threshold then
    account[19] = 0
    return false
  end
  local now_told = account[19] == 0 and available < before
  if now_told then account[19] = 1 end
  return now_told
end

-- The devices of a user that have a session. ARGV: user.
local user, found = take(), {}
for _, field in ipairs(redis.call('HKEYS', P .. 'u:' .. user)) do
  local id = string.match(field, '^d (.*)$')
  if id then
    local session = P .. 'd:' .. user .. ' ' .. id
    local told = redis.call('HMGET', session, 'n', 'at', 'act', 'g', 'over')
    if not told[5] then
      found[#found + 1] = { id, told[1] and 1 or 0, told[2] or '0', told[3] or '0', told[4] or '' }
    end
  end
end
return { 'OK', found }

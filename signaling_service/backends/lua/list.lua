-- Calls, the newest first. ARGV: which list; behind which call, and when that began: "" for none;
-- how many. Returns their ids, and what is kept of them.
local list, behind, began_at, most = P .. take(), take(), take(), take_number()
local found = {}
local from, at = began_at == '' and '+inf' or began_at, 0
while #found < most do
  local some = redis.call('ZREVRANGEBYSCORE', list, from, '-inf', 'WITHSCORES', 'LIMIT', at, most)
  at = at + #some / 2
  for i = 1, #some, 2 do
    local is_behind = began_at == '' or tonumber(some[i + 1]) < tonumber(began_at) or some[i] < behind
    if is_behind and #found < most then found[#found + 1] = { some[i], call_of(some[i]) } end
  end
  if #some < 2 * most then break end
end
return { 'OK', found }

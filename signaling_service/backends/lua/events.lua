-- The next events behind a cursor, or CURSOR if it is lost. ARGV: cursor, "" for the newest, "-"
-- for the oldest; how many. Returns the cursor, and events.
local cursor, most = take(), take_number()
local events = P .. 'events'
if cursor == '' or cursor == '-' then
  local found = cursor == '' and redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)
    or redis.call('XRANGE', events, '-', '+', 'COUNT', 1)
  local newest = found[1]
  -- an event that says nothing, where there is none: every cursor is of one
  return { 'OK', newest and newest[1] or redis.call('XADD', events, '*', 'e', ''), {} }
end
-- one that is there has all behind it, and so has the last that was dropped: the oldest go first
local is_there = #redis.call('XRANGE', events, cursor, cursor) == 1
if not is_there and redis.call('GET', P .. 'dropped') ~= cursor then return { 'CURSOR' } end
return { 'OK', cursor, redis.call('XRANGE', events, '(' .. cursor, '+', 'COUNT', most) }

-- What a node does not know of its streams. ARGV: node, now; devices with their fence, and what
-- the node knows to be stored: received, acked, top and its stamp. Returns the standing and the
-- top of each; one that was given up is back.
local node, now = take(), take()
local answers = {}
for i = 1, take_number() do
  local device, fence, known_received = take(), take_number(), take_number()
  local known_acked, known_top, known_stamp = take_number(), take_number(), take()
  local session = P .. 'd:' .. device
  local found = redis.call('HMGET', session, 'f', 'over', 't', 'n', 'r', 'a')
  local verdict = standing(found[1], found[2], fence)
  if verdict == 'OK' and (tonumber(found[5]) < known_received
      or not has_all(device, tonumber(found[6]), tonumber(found[3]), known_acked, known_top, known_stamp)) then
    verdict = 'LOST'
    void(device, tonumber(now), node)
  elseif verdict == 'OK' and found[4] ~= node then
    if not found[4] then announce(device, 1, now) end
    redis.call('HSET', session, 'n', node, 'at', now)
    redis.call('HDEL', session, 'x')
    redis.call('SADD', P .. 'n:' .. node, device)
    redis.call('ZREM', P .. 'due', 's ' .. device)
    touch((split(device)))
    if #calls_of(device) > 0 then redis.call('ZADD', P .. 'due', now, 't ' .. device) end
  end
  answers[i] = { verdict, tonumber(found[3] or '0') }
end
return { 'OK', answers }

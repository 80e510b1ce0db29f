-- The calls of a stream have been told. ARGV: device, fence; whether that it is connected.
local device, fence, is_connected = take(), take(), take_number()
local found = redis.call('HMGET', P .. 'd:' .. device, 'f', 'n')
if found[1] == fence and (found[2] and 1 or 0) == is_connected then
  redis.call('ZREM', P .. 'due', 't ' .. device)
end
return { 'OK' }

-- What a device has to be sent. ARGV: device, fence; above which seq.
local device, fence, after = take(), take_number(), take_number()
local found = redis.call('HMGET', P .. 'd:' .. device, 'f', 'over', 't', 'a')
local verdict = standing(found[1], found[2], fence)
if verdict ~= 'OK' then return { verdict } end
if after > tonumber(found[3]) then return { 'LOST' } end
local acked = tonumber(found[4])
after = math.max(after, acked)
return { 'OK', after, redis.call('LRANGE', P .. 'm:' .. device, after - acked, -1) }

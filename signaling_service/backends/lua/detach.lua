-- A stream is lost. ARGV: now; device, fence; the resume window.
local now, device, fence, window = take_number(), take(), take_number(), take_number()
local found = redis.call('HMGET', P .. 'd:' .. device, 'f', 'over')
if standing(found[1], found[2], fence) ~= 'OK' then return { 'OK', {} } end
return { 'OK', disconnect(device, now, window, TAKEOVER) }

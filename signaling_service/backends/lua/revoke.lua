-- Tokens of a device that were issued before now are no good, and its session is over. ARGV: node,
-- now; device; for how long that is kept, in seconds. Returns the session, if there is one.
local node, now, device, memory = take(), take_number(), take(), take_number()
redis.call('SET', P .. 'x:' .. device, now, 'EX', math.ceil(memory))
if redis.call('EXISTS', P .. 'd:' .. device) == 0 then return { 'OK', '' } end
return { 'OK', void(device, now, node, 'k') }

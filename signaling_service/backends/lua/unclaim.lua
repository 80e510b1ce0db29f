-- A node does some work no more: another may at once. ARGV: its name; who did it.
local key, holder = P .. 'w:' .. take(), take()
if redis.call('HGET', key, 'h') == holder then redis.call('HDEL', key, 'h', 'u') end
return { 'OK' }

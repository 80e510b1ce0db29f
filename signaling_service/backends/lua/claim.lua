-- A node wants to do some work, or goes on. ARGV: its name; who; for so many seconds. Returns
-- whether it may, and how far the work has got.
local key, holder, seconds = P .. 'w:' .. take(), take(), take_number()
local found = redis.call('HMGET', key, 'h', 'u', 'c')
if found[1] and found[1] ~= holder and tonumber(found[2]) > REAL then return { 'OK', 0, '' } end
redis.call('HSET', key, 'h', holder, 'u', string.format('%.6f', REAL + seconds))
return { 'OK', 1, found[3] or '' }

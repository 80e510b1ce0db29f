-- Work has got so far. ARGV: its name; who does it; how far; for so many seconds more. Returns
-- whether it is still theirs.
local key, holder, position, seconds = P .. 'w:' .. take(), take(), take(), take_number()
if redis.call('HGET', key, 'h') ~= holder then return { 'OK', 0 } end
redis.call('HSET', key, 'c', position, 'u', string.format('%.6f', REAL + seconds))
return { 'OK', 1 }

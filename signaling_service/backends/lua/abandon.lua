-- A stream whose attach was given up on does not exist, though it may have been written.
-- ARGV: now; device; the key of that attempt; the resume window.
local now, device, attempt, window = take_number(), take(), take(), take_number()
local found = redis.call('HMGET', P .. 'd:' .. device, 'k', 'over')
if found[1] == attempt and not found[2] then disconnect(device, now, window, 0) end
return { 'OK' }

-- Forget a session; keep the ends that it has not heard. ARGV: device, session; until when.
local device, session_number, forget_at = take(), take(), take()
local session, unheard = P .. 'd:' .. device, P .. 'q:' .. device
local found = redis.call('HMGET', session, 's', 'r', 'a', 'act')
if found[1] ~= session_number then return { 'OK' } end
local user, device_id = split(device)
-- whether the device has certainly read its welcome, which told it of the older ones
if tonumber(found[2]) > 0 or tonumber(found[3]) > 0 or tonumber(found[4]) > 0 then
  redis.call('DEL', unheard)
end
for i, entry in ipairs(redis.call('LRANGE', P .. 'm:' .. device, 0, -1)) do
  local bucket, kind, _, stamp = header(entry)
  if kind == 'ended' then redis.call('RPUSH', unheard, entry) end
  local seq = text(tonumber(found[3]) + i)
  if bucket ~= '' then note(bucket, { table.concat({ 'x', stamp, device, kind, seq, '' }, ' ') }) end
end
if redis.call('EXISTS', unheard) == 1 then
  redis.call('ZADD', P .. 'due', forget_at, 'q ' .. device)
end
redis.call('DEL', session, P .. 'm:' .. device)
redis.call('ZREM', P .. 'due', 's ' .. device, 't ' .. device)
redis.call('HDEL', P .. 'u:' .. user, 'd ' .. device_id)
touch(user)
return { 'OK' }
